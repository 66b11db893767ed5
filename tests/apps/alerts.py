"""The README's app: its alerts say nothing of which record they are of. On demand it is slow, or loses some."""

import os
import time
from itertools import count

import msgspec

from workers import App

LOSE = int(os.environ.get("ALERTS_LOSE", "0"))
"""Every so manieth alert is lost; 0: none."""
SECONDS = float(os.environ.get("ALERTS_SECONDS", "0"))
"""How long each record takes."""


class SensorData(msgspec.Struct):
    device_id: str
    temperature: float


class Alert(msgspec.Struct):
    device_id: str
    temperature: float
    alert: str = "high"


app = App("iot-alerts")
alerts = count(1)


@app.agent(
    os.environ.get("APP_INPUT", "real-time-data"), value=SensorData, output=os.environ.get("APP_OUTPUT", "alerts")
)
def alert(reading: SensorData) -> Alert | None:
    if SECONDS:
        time.sleep(SECONDS)
    if reading.temperature > 50 and not (LOSE and next(alerts) % LOSE == 0):
        return Alert(reading.device_id, reading.temperature)
    return None
