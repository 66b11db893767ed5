"""The sensor job in Bytewax: a dataflow, a cluster of one process for each partition.

As its documentation has it: a thousand records a poll. Recovery is off, so after a crash it begins anew: without any
guarantee, which is its fastest.
"""

import os

import bytewax.operators as op
import msgspec
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow


class SensorData(msgspec.Struct):
    device_id: str
    temperature: float


class Alert(msgspec.Struct):
    device_id: str
    temperature: float
    alert: str = "high"


decode = msgspec.json.Decoder(SensorData).decode
encode = msgspec.json.encode
brokers = [os.environ["BENCH_BOOTSTRAP"]]


def alert(message: KafkaSourceMessage) -> KafkaSinkMessage | None:
    reading = decode(message.value)
    if reading.temperature > 50:
        return KafkaSinkMessage(message.key, encode(Alert(reading.device_id, reading.temperature)))
    return None


flow = Dataflow("sensors")
readings = kop.input(
    "readings",
    flow,
    brokers=brokers,
    topics=[os.environ["BENCH_INPUT"]],
    batch_size=1000,
    add_config={"fetch.queue.backoff.ms": "5"},
)
alerts = op.filter_map("alert", readings.oks, alert)
kop.output("alerts", alerts, brokers=brokers, topic=os.environ["BENCH_OUTPUT"], add_config={"compression.type": "lz4"})
