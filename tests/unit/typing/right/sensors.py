"""A user's project in which everything is as it should be: mypy --strict finds nothing, and it runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypedDict, assert_type

import msgspec

from workers import App, Output, Record, Reject, Retry
from workers.testing import Driver, record


class SensorData(msgspec.Struct):
    device_id: str
    temperature: float


class Alert(msgspec.Struct):
    device_id: str
    temperature: float
    alert: str = "high"


class Typed(TypedDict):
    n: int


@dataclass
class Point:
    x: int


app = App("iot-alerts", retries=Retry(attempts=5, on=(ConnectionError, TimeoutError)), dead_letter="all-dead")


@app.agent("real-time-data", value=SensorData, output="alerts")
def alert(reading: SensorData) -> Alert | None:
    if reading.temperature > 50:
        return Alert(reading.device_id, reading.temperature)
    return None


@app.agent("nullable", value=SensorData | None, key=bytes, dead_letter=None)
def nullable(reading: SensorData | None, source: Record) -> Output:
    assert_type(source.timestamp, int | None)
    return Output(None if reading is None else reading, key=source.key, headers={"from": source.topic})


@app.agent("typed", value=Typed, codec="msgpack", key=None)
def typed(values: Typed) -> dict[str, int]:
    return {"n": values["n"]}


@app.agent("loose", value=dict[str, Any], retries=Retry(attempts=1))
def loose(values: dict[str, Any]) -> list[Output]:
    return [Output(values, topic=str(name), partition=0) for name in values]


@app.agent("raw", value=bytes, codec="raw")
def raw(value: bytes) -> Iterator[bytes]:
    if not value:
        raise Reject("empty")
    yield value
    yield value


@app.agent("union", value=int | str)
def union(value: int | str) -> tuple[int | str]:
    return (value,)


@app.agent("wider", value=SensorData)
def wider(value: object) -> None: ...


@app.agent("with-default", value=int)
def with_default(value: int, limit: int = 50) -> bool:
    return value > limit


@app.agent("batches", value=SensorData, output="alerts", batch=100)
def batches(readings: list[SensorData]) -> list[Alert]:
    return [Alert(reading.device_id, reading.temperature) for reading in readings]


@app.agent("batches-of-two", value=Point | None, batch=100)
def batches_of_two(points: list[Point | None], sources: list[Record]) -> Iterator[int]:
    for point, source in zip(points, sources, strict=True):
        yield source.offset if point is None else point.x


class Counter:
    """A callable object."""

    def __init__(self) -> None:
        self.total = 0

    def __call__(self, point: Point) -> int:
        self.total += point.x
        return self.total


app.agent("points", value=Point)(Counter())
app.agent("lambdas", value=int, output="doubled")(lambda value: value * 2)


@app.on_start
def database() -> Iterator[str]:
    yield "connection"


@app.on_start
def client() -> Counter:
    return Counter()


@app.on_stop
def report() -> None: ...


assert_type(alert(SensorData("a", 51.0)), Alert | None)
assert_type(nullable(None, record(None, key=b"k")), Output)
assert_type(batches([]), list[Alert])
assert_type(client(), Counter)

with Driver(app) as driver:
    driver.send("real-time-data", SensorData("a", 51.0), key="a", headers={"a": "b"}, timestamp=1)
    driver.send("raw", b"")
    driver.send_batch("batches", [SensorData("a", 51.0)])
    assert_type(driver.results("alerts")[0].decode(Alert | None), Alert | None)
    assert_type(driver.dead_letters()[0].header("pool.error.message"), bytes | None)
