"""The job of every benchmark: a reading of some 70 bytes, an alert where its temperature passes 50."""

import os

import msgspec

from workers import App


class SensorData(msgspec.Struct):
    device_id: str
    temperature: float


class Alert(msgspec.Struct):
    device_id: str
    temperature: float
    alert: str = "high"


INPUT = os.environ.get("BENCH_INPUT", "readings")
OUTPUT = os.environ.get("BENCH_OUTPUT", "alerts")

app = App(os.environ.get("BENCH_GROUP", "bench"), dead_letter=None)


@app.agent(INPUT, value=SensorData, output=OUTPUT)
def alert(reading: SensorData) -> Alert | None:
    if reading.temperature > 50:
        return Alert(reading.device_id, reading.temperature)
    return None
