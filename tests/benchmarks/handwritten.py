"""What an expert would write without the pool: poll, decode, handle, produce, commit, one process a partition.

`python -m tests.benchmarks.handwritten BOOTSTRAP INPUT OUTPUT PARTITIONS [follow]` works until every partition is read
to its end, or on and on. It assigns its partitions itself, so that no rebalance slows it down; whatever else the pool
does, it does not: it looks at no delivery's failure before it commits, so it guarantees nothing.
"""

import os
import sys
import time

import msgspec
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from tests.benchmarks.sensor_job import Alert, SensorData
from workers.lifeline import tie_to_parent

COMMIT_SECONDS = 1.0


def work(bootstrap: str, source: str, target: str, partition: int, *, follow: bool = False) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"handwritten-{source}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 5,
            "queued.max.messages.kbytes": 32 * 1024,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": 5,
            "compression.type": "lz4",
            "delivery.report.only.error": True,
        }
    )
    decode = msgspec.json.Decoder(SensorData).decode
    encode = msgspec.json.encode
    consumer.assign([TopicPartition(source, partition, 0)])
    committed_at, position, ended = time.monotonic(), 0, False
    while not ended:
        first = consumer.poll(0.1)
        if first is None:
            continue
        for message in (first, *consumer.consume(999, 0)):
            if (error := message.error()) is not None:
                ended = not follow and error.code() == KafkaError._PARTITION_EOF
                continue
            reading = decode(message.value() or b"")
            if reading.temperature > 50:
                alert = Alert(reading.device_id, reading.temperature)
                producer.produce(target, encode(alert), message.key())
            position = (message.offset() or 0) + 1
        producer.poll(0)
        if time.monotonic() - committed_at > COMMIT_SECONDS or ended:
            producer.flush()
            consumer.commit(offsets=[TopicPartition(source, partition, position)], asynchronous=True)
            committed_at = time.monotonic()
    consumer.close()  # waits for the commit


def main(bootstrap: str, source: str, target: str, partitions: int, *, follow: bool = False) -> None:
    parent, children = os.getpid(), []
    for partition in range(partitions):
        pid = os.fork()
        if pid == 0:
            tie_to_parent(parent)
            work(bootstrap, source, target, partition, follow=follow)
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), follow="follow" in sys.argv[5:])
