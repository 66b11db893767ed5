"""Two agents in one pool, so that trouble of one can be kept from the other."""

import os
import time

from tests.support.readings import Reading, Seen
from workers import App, Record

app = App("two")


def _seen(reading: Reading, record: Record) -> Seen:
    return Seen(reading.seq, reading.device_id, record.partition, os.getpid(), time.monotonic_ns())


@app.agent(os.environ.get("APP_INPUT", "readings"), value=Reading, output=os.environ.get("APP_OUTPUT", "seen"))
def first(reading: Reading, record: Record) -> Seen:
    return _seen(reading, record)


@app.agent(os.environ.get("APP_INPUT_2", "others"), value=Reading, output=os.environ.get("APP_OUTPUT_2", "seen-2"))
def second(reading: Reading, record: Record) -> Seen:
    return _seen(reading, record)
