"""Batches: a result for each, and one bad reading that fails its batch."""

import os

from tests.support.readings import Reading
from workers import App, Output, Retry

app = App("batches", retries=Retry(attempts=1))


@app.agent(
    os.environ.get("APP_INPUT", "readings"), value=Reading, output=os.environ.get("APP_OUTPUT", "seen"), batch=10
)
def gather(readings: list[Reading]) -> Output:
    if any(reading.do == "fail" for reading in readings):
        raise ValueError("a bad reading")
    return Output([reading.seq for reading in readings])
