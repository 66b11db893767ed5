"""Batches: a result for each, a bad reading that fails its batch, and one at which it hangs."""

import os
import time

from tests.support.readings import Reading
from workers import App, Output, Retry

app = App("batches", retries=Retry(attempts=1))


@app.agent(
    os.environ.get("APP_INPUT", "readings"), value=Reading, output=os.environ.get("APP_OUTPUT", "seen"), batch=10
)
def gather(readings: list[Reading]) -> Output:
    if any(reading.do == "fail" for reading in readings):
        raise ValueError("a bad reading")
    if any(reading.do == "hang" for reading in readings):
        time.sleep(3600)
    return Output([reading.seq for reading in readings])
