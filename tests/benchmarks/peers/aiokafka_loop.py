"""The sensor job by hand with aiokafka: `getmany`, results sent without waiting for each, a process for each partition.

As its documentation has it: results are flushed before offsets are committed, each second.
"""

import asyncio
import os
import signal
import time

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


class SensorData(msgspec.Struct):
    device_id: str
    temperature: float


class Alert(msgspec.Struct):
    device_id: str
    temperature: float
    alert: str = "high"


decode = msgspec.json.Decoder(SensorData).decode
encode = msgspec.json.encode
COMMIT_SECONDS = 1.0


async def work(consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, target: str) -> None:
    committed_at = time.monotonic()
    while True:
        for messages in (await consumer.getmany(timeout_ms=100, max_records=10_000)).values():
            for message in messages:
                reading = decode(message.value)
                if reading.temperature > 50:
                    await producer.send(target, encode(Alert(reading.device_id, reading.temperature)), message.key)
        if time.monotonic() - committed_at > COMMIT_SECONDS:
            await producer.flush()
            await consumer.commit()
            committed_at = time.monotonic()


async def main() -> None:
    bootstrap = os.environ["BENCH_BOOTSTRAP"]
    consumer = AIOKafkaConsumer(
        os.environ["BENCH_INPUT"],
        bootstrap_servers=bootstrap,
        group_id=os.environ["BENCH_GROUP"],
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, compression_type="lz4", linger_ms=5
    )
    async with consumer, producer:
        task = asyncio.create_task(work(consumer, producer, os.environ["BENCH_OUTPUT"]))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


if __name__ == "__main__":
    uvloop.run(main())
