"""An app whose workers cannot start."""

import os

from workers import App

app = App("broken-start")


@app.on_start
def database() -> None:
    raise ConnectionError("the database refused")


@app.agent(os.environ.get("APP_INPUT", "readings"), value=bytes)
def ignore(value: bytes) -> None:
    pass
