"""What the generator sends: sensor readings, numbered, so that a reader can tell which are missing or repeated."""

import random
import time
from typing import Final, NamedTuple, Protocol

import msgspec

HOT_ABOVE: Final = 50.0
"""Degrees above which a reading is hot."""


class Reading(msgspec.Struct):
    """One reading as it lies in the topic, as JSON."""

    device_id: str
    temperature: float
    seq: int
    """The record's number, from 0, over all partitions."""
    sent_at: int
    """Nanoseconds since the epoch."""


class Keyed(NamedTuple):
    """A record to be sent."""

    key: bytes
    value: bytes


class Payload(Protocol):
    """Makes the generator's records."""

    def record(self, seq: int) -> Keyed:
        """The record numbered `seq`, made at the moment of sending."""
        ...


class SensorPayload:
    """Readings of evenly chosen devices, of which a share is hot. A record's key is its device.

    Args:
        devices: how many devices report, at least 1.
        hot: the share of readings above `HOT_ABOVE`, from 0 to 1.
        size: bytes to which a value is padded; one that is longer by itself stays as it is.
        seed: makes devices and temperatures repeatable; None: different at each run.
    """

    def __init__(self, devices: int = 1000, hot: float = 0.05, size: int = 0, seed: int | None = None) -> None:
        self._devices = devices
        self._hot = hot
        self._size = size
        self._random = random.Random(seed).random
        self._encode = msgspec.json.Encoder().encode

    def record(self, seq: int) -> Keyed:
        chance = self._random
        device = f"device-{int(chance() * self._devices):04d}"
        heat = chance() * 30
        temperature = HOT_ABOVE + 1 + heat if chance() < self._hot else HOT_ABOVE - 1 - heat
        value = self._encode(Reading(device, round(temperature, 1), seq, time.time_ns()))
        if len(value) < self._size:
            value = _pad(value, self._size)
        return Keyed(device.encode(), value)


_PAD: Final = b',"pad":""}'


def _pad(value: bytes, size: int) -> bytes:
    """Lengthen a JSON object to `size` bytes by a field that no reader asks for."""
    return value[:-1] + _PAD[:-2] + b"x" * (size - len(value) - len(_PAD) + 1) + _PAD[-2:]
