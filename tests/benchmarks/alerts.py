"""Alerts held against the hot readings, one by one."""

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
from confluent_kafka import Message

from tests.benchmarks.sensor_job import Alert

Alerts = Counter[tuple[str, float]]
"""How many there are of each device and temperature."""

_decode: Final = msgspec.json.Decoder(Alert).decode


class Verdict(NamedTuple):
    missing: int
    repeated: int
    unfounded: int


def of_messages(messages: Iterable[Message]) -> Alerts:
    alerts = (_decode(message.value() or b"") for message in messages)
    return Counter((alert.device_id, alert.temperature) for alert in alerts)


def judge(expected: Alerts, found: Alerts) -> Verdict:
    """What is wrong with the alerts that were found."""
    surplus = found - expected
    unfounded = sum(count for alert, count in surplus.items() if alert not in expected)
    return Verdict((expected - found).total(), surplus.total() - unfounded, unfounded)
