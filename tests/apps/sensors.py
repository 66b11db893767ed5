"""A result for each reading, which tells who handled it and when."""

import os
import time

from tests.support.readings import Reading, Seen
from workers import App, Record

app = App("sensors", guarantee=os.environ.get("APP_GUARANTEE", "at_least_once"))  # type: ignore[arg-type] # checked there


@app.agent(os.environ.get("APP_INPUT", "readings"), value=Reading, output=os.environ.get("APP_OUTPUT", "seen"))
def see(reading: Reading, record: Record) -> Seen:
    return Seen(reading.seq, reading.device_id, record.partition, os.getpid(), time.monotonic_ns())
