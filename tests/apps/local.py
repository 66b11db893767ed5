"""A resource of each worker, a user's own metric, two topics, a tombstone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import Counter

from workers import App, Output, Record

app = App("local")
handled = Counter("app_handled", "Records that the app has handled.", ["topic"])


@app.on_start
def diary() -> Iterator[Path]:
    """A file of this worker, in which its end is noted."""
    path = Path(os.environ["APP_DIARY"]) / str(os.getpid())
    path.write_text("started\n")
    yield path
    path.write_text("stopped\n")


@app.agent(os.environ.get("APP_INPUT", "a"), value=dict[str, Any] | None, output=os.environ.get("APP_OUTPUT", "seen"))
def first(value: dict[str, Any] | None, record: Record) -> Output:
    handled.labels("first").inc()
    return Output({"tombstone": value is None, "diary": app.local.diary.read_text()}, key=b"first")


@app.agent(os.environ.get("APP_INPUT_2", "b"), value=bytes, output=os.environ.get("APP_OUTPUT", "seen"))
def second(value: bytes, record: Record) -> list[Output]:
    handled.labels("second").inc()
    return [Output(value, key="second", headers={"from": record.topic}), Output(None, key="second")]
