"""The sensor job in FastStream, on confluent-kafka: a batch subscriber, one process of the group for each partition.

As its documentation has it: batches for throughput, msgspec in place of pydantic, acknowledged after the handler
(`AckPolicy.ACK`, at least once).
"""

import os

import msgspec
import uvloop
from fast_depends.msgspec import MsgSpecSerializer
from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker


class SensorData(msgspec.Struct):
    device_id: str
    temperature: float


class Alert(msgspec.Struct):
    device_id: str
    temperature: float
    alert: str = "high"


broker = KafkaBroker(
    os.environ["BENCH_BOOTSTRAP"],
    serializer=MsgSpecSerializer(),
    compression_type="lz4",
    linger_ms=5,
    enable_idempotence=True,
    allow_auto_create_topics=False,
    logger=None,
)


@broker.subscriber(
    os.environ["BENCH_INPUT"],
    group_id=os.environ["BENCH_GROUP"],
    auto_offset_reset="earliest",
    batch=True,
    max_records=1000,
    ack_policy=AckPolicy.ACK,
)
async def alert(readings: list[SensorData]) -> None:
    hot = [Alert(reading.device_id, reading.temperature) for reading in readings if reading.temperature > 50]
    if hot:
        await broker.publish_batch(*hot, topic=os.environ["BENCH_OUTPUT"])


if __name__ == "__main__":
    uvloop.run(FastStream(broker, logger=None).run())
