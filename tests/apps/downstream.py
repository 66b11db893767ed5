"""An app whose downstream is away while a file is there."""

import os
import time
from pathlib import Path

from tests.support.readings import Reading, Seen
from workers import App, Record, Retry

delays = os.environ.get("APP_DELAYS", "").split()
app = App("downstream", retries=Retry(attempts=3, backoff=0.05, max_backoff=0.05, delayed=delays))
away = Path(os.environ["APP_AWAY"])


@app.agent(os.environ.get("APP_INPUT", "readings"), value=Reading, output=os.environ.get("APP_OUTPUT", "seen"))
def perform(reading: Reading, record: Record) -> Seen:
    if away.exists() or reading.do:
        raise ConnectionError("the downstream is away")
    return Seen(reading.seq, reading.device_id, record.partition, os.getpid(), time.monotonic_ns())
