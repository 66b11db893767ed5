"""The app that `demo` runs: hot readings become alerts. What a user writes looks no different."""

import msgspec

from workers import App


class SensorData(msgspec.Struct):
    """What the app needs of a reading; other fields are passed over."""

    device_id: str
    temperature: float
    seq: int
    sent_at: int


class Alert(msgspec.Struct):
    """A hot reading. Number and time of sending come along, so that the demo can check itself."""

    device_id: str
    temperature: float
    seq: int
    sent_at: int
    alert: str = "high"


app = App("iot-alerts")


@app.agent("real-time-data", value=SensorData, output="alerts")
def alert(reading: SensorData) -> Alert | None:
    """Alert above 50 degrees."""
    if reading.temperature > 50:
        return Alert(reading.device_id, reading.temperature, reading.seq, reading.sent_at)
    return None
