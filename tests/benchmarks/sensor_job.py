"""The job of every benchmark: a reading of some 70 bytes, an alert where its temperature passes 50."""

import os
from collections.abc import Mapping

import msgspec

from workers import App


class SensorData(msgspec.Struct):
    device_id: str
    temperature: float


class Alert(msgspec.Struct):
    device_id: str
    temperature: float
    alert: str = "high"


APP = "tests.benchmarks.sensor_job:app"
INPUT = os.environ.get("BENCH_INPUT", "readings")
OUTPUT = os.environ.get("BENCH_OUTPUT", "alerts")

app = App(os.environ.get("BENCH_GROUP", "bench"), dead_letter=None)


@app.agent(INPUT, value=SensorData, output=OUTPUT)
def alert(reading: SensorData) -> Alert | None:
    if reading.temperature > 50:
        return Alert(reading.device_id, reading.temperature)
    return None


def group_of(target: str) -> str:
    """The group of the pool whose alerts go to topic `target`."""
    return f"pool-{target}"


def job(source: str, target: str) -> Mapping[str, str]:
    """The environment in which this app reads topic `source` and writes topic `target`."""
    return {"BENCH_INPUT": source, "BENCH_OUTPUT": target, "BENCH_GROUP": group_of(target)}
