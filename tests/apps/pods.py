"""The app `sensors` for workers in several pods: the same process id in another pod is another worker.

A record takes APP_SECONDS.
"""

import os
import socket
import time
import zlib

from tests.support.readings import Reading, Seen
from workers import App, Record

app = App("pods")
SECONDS = float(os.environ.get("APP_SECONDS", "0"))
POD = zlib.crc32(socket.gethostname().encode()) << 32


@app.agent(os.environ.get("APP_INPUT", "readings"), value=Reading, output=os.environ.get("APP_OUTPUT", "seen"))
def see(reading: Reading, record: Record) -> Seen:
    if SECONDS:
        time.sleep(SECONDS)
    return Seen(reading.seq, reading.device_id, record.partition, POD + os.getpid(), time.monotonic_ns())
