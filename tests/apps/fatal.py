"""A failure that no dead letter takes: it is fatal to the worker."""

import os

from tests.support.readings import Reading
from workers import App, Retry

app = App("fatal", retries=Retry(attempts=1), dead_letter=None)


@app.agent(os.environ.get("APP_INPUT", "readings"), value=Reading)
def fail(reading: Reading) -> None:
    if reading.do == "fail":
        raise ValueError(f"reading {reading.seq} is told to fail")
