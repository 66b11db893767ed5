"""The sensor job in Faust: an agent, one worker of the group for each partition.

As its documentation has it: orjson and uvloop for speed, no web server, no leader topic where nothing needs one. Its
stream buffer is left as it is: its documentation warns of a larger one where an agent sends.
"""

import os

import faust


class SensorData(faust.Record, serializer="json"):  # type: ignore[call-arg]  # not installed to be checked
    device_id: str
    temperature: float


class Alert(faust.Record, serializer="json", include_metadata=False):  # type: ignore[call-arg]
    device_id: str
    temperature: float
    alert: str = "high"


app = faust.App(
    os.environ["BENCH_GROUP"],
    broker=f"kafka://{os.environ['BENCH_BOOTSTRAP']}",
    consumer_auto_offset_reset="earliest",
    producer_compression_type="lz4",
    topic_allow_declare=False,
    topic_disable_leader=True,
    datadir=os.environ["BENCH_DIRECTORY"],
)
readings = app.topic(os.environ["BENCH_INPUT"], key_type=bytes, value_type=SensorData)
alerts = app.topic(os.environ["BENCH_OUTPUT"], key_type=bytes, value_type=Alert)


@app.agent(readings)
async def alert(stream: faust.Stream[SensorData]) -> None:
    async for key, reading in stream.items():
        if reading.temperature > 50:
            await alerts.send(key=key, value=Alert(reading.device_id, reading.temperature))


if __name__ == "__main__":
    app.main()
