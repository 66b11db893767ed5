"""The README's app: its alerts say nothing of which record they are of. It can be slow, lose or repeat some."""

import os
import time
from itertools import count

import msgspec

from workers import App

LOSE = int(os.environ.get("ALERTS_LOSE", "0"))
"""Every so manieth alert is lost; 0: none."""
REPEAT = int(os.environ.get("ALERTS_REPEAT", "0"))
"""Every so manieth is given twice; 0: none."""
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
def alert(reading: SensorData) -> Alert | list[Alert] | None:
    if SECONDS:
        time.sleep(SECONDS)
    if reading.temperature <= 50:
        return None
    number, given = next(alerts), Alert(reading.device_id, reading.temperature)
    if LOSE and number % LOSE == 0:
        return None
    return [given, given] if REPEAT and number % REPEAT == 0 else given
