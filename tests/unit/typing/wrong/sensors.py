"""A user's project full of mistakes: mypy must find one in each line that is marked."""

import msgspec

from workers import App, Output, Record, Retry


class SensorData(msgspec.Struct):
    device_id: str


app = App("group")


@app.agent("a", value=SensorData)  # wrong
def of_another_type(reading: str) -> None: ...


@app.agent("b", value=SensorData | None)  # wrong
def without_none(reading: SensorData) -> None: ...


@app.agent("c", value=SensorData, batch=5)  # wrong
def no_list(reading: SensorData) -> None: ...


@app.agent("d", value=SensorData)  # wrong
def a_list(readings: list[SensorData]) -> None: ...


@app.agent("e", value=SensorData, batch=5)  # wrong
def one_record(readings: list[SensorData], record: Record) -> None: ...


@app.agent("f", value=SensorData)  # wrong
def three(reading: SensorData, record: Record, more: int) -> None: ...


app.agent("g", value=SensorData, codec="xml")  # wrong
app.agent("h", value=SensorData, valeu=5)  # wrong
app.agent("i", value=SensorData, retries=3)  # wrong
app.agent("j")  # wrong
App(5)  # wrong
App("group", dead_letter=5)  # wrong
Retry(3)  # wrong
Retry(on=5)  # wrong
Output()  # wrong
Output(1, headers=5)  # wrong
