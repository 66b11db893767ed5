"""Retry topics: where failed records wait for their next turn without holding up those behind them."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from workers.topics import check_topic

_DELAY: Final = re.compile(r"([1-9]\d{0,8})([smhd])")
_TIER: Final = re.compile(rf"(.+)\.retry\.{_DELAY.pattern}")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST: Final = 30 * 86400


class Tier(NamedTuple):
    """A retry topic, and how many seconds a record waits in it."""

    topic: str
    seconds: int


def seconds_of(delay: object) -> int:
    """The seconds of a delay such as "10s", "1m", "2h" or "1d".

    Raises:
        ValueError: it is none.
    """
    parts = _DELAY.fullmatch(delay) if isinstance(delay, str) else None
    seconds = int(parts[1]) * _UNITS[parts[2]] if parts else 0
    if not 0 < seconds <= LONGEST:
        raise ValueError(f'{delay!r} is no delay: give a whole number and s, m, h or d, as in "10s", up to "30d"')
    return seconds


def tiers(delays: Iterable[str], topic: str, group: str) -> tuple[Tier, ...]:
    """The retry topics of an input topic, in the order in which a record passes through them.

    Raises:
        AppInvalid: the name of one would be none that Kafka takes.
    """
    prefix = prefix_of(topic, group)
    return tuple(Tier(check_topic(prefix + delay, "delayed="), seconds_of(delay)) for delay in delays)


def prefix_of(topic: str, group: str) -> str:
    """What the names of all retry topics of an input topic begin with."""
    return f"{topic}.{group}.retry."


def base_of(topic: str) -> str | None:
    """The input topic and group, as `TOPIC.GROUP`, in the name of a retry topic; None where it is none's name."""
    parts = _TIER.fullmatch(topic)
    return parts and parts[1]
