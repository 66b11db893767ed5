"""The job of every benchmark: a reading of some 70 bytes, an alert where its temperature passes 50."""

import os
from collections.abc import Mapping
from hashlib import blake2b

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

HASHES = int(os.environ.get("BENCH_HASHES", "0"))

app = App(os.environ.get("BENCH_GROUP", "bench"), dead_letter=None)


def alert(reading: SensorData) -> Alert | None:
    if reading.temperature > 50:
        return Alert(reading.device_id, reading.temperature)
    return None


def worked_for(reading: SensorData) -> Alert | None:
    """The same, by a handler that computes, as most do."""
    name = reading.device_id.encode()
    for _ in range(HASHES):
        blake2b(name).digest()
    return alert(reading)


app.agent(INPUT, value=SensorData, output=OUTPUT)(worked_for if HASHES else alert)


def group_of(target: str) -> str:
    """The group of the pool whose alerts go to topic `target`."""
    return f"pool-{target}"


def job(source: str, target: str, *, hashes: int = 0) -> Mapping[str, str]:
    """The environment in which this app reads topic `source`, writes topic `target`, and hashes so often a record."""
    group = group_of(target)
    return {"BENCH_INPUT": source, "BENCH_OUTPUT": target, "BENCH_GROUP": group, "BENCH_HASHES": str(hashes)}
