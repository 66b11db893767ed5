"""An app whose failed records wait in retry topics; how often one fails its reading tells."""

import os
import time
from pathlib import Path

from tests.support.readings import Reading, Seen
from workers import App, Record, Retry

app = App("delayed", retries=Retry(attempts=2, backoff=0.01, delayed=os.environ["APP_DELAYS"].split(",")))
marks = Path(os.environ["APP_MARKS"])


@app.agent(os.environ.get("APP_INPUT", "readings"), value=Reading, output=os.environ.get("APP_OUTPUT", "seen"))
def perform(reading: Reading, record: Record) -> Seen:
    if reading.do == "fail":
        mark = marks / str(reading.seq)
        with mark.open("a") as file:
            file.write(f"{record.topic} {record.partition} {record.offset} {record.timestamp}\n")
        if len(mark.read_text().splitlines()) <= reading.seconds:
            raise ConnectionError("the downstream is away")
    return Seen(reading.seq, reading.device_id, record.partition, os.getpid(), time.monotonic_ns())
