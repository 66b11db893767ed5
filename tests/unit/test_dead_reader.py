"""Reading a dead-letter topic: how long silence may last, whatever the one takes who is given the letters."""

from collections.abc import Mapping
from typing import Any

import pytest
from confluent_kafka import Message

from supervisor import dead_reader
from supervisor.brokers import BrokersRefused
from supervisor.dead_reader import DeadReader
from tests.unit.messages import message
from workers.settings import Settings


class Now:
    """The time, where only waiting takes any."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Played:
    """A consumer that gives what is to come, one by one; None: nothing within the time that it is told to wait."""

    now: Now
    to_come: list[Message | None]

    def __init__(self, _properties: Mapping[str, Any]) -> None:
        pass

    def assign(self, _partitions: list[Any]) -> None:
        pass

    def poll(self, seconds: float) -> Message | None:
        given = self.to_come.pop(0)
        if given is None:
            Played.now.seconds += seconds
        return given

    def consume(self, _most: int, _seconds: float) -> list[Message]:
        return []


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> Now:
    Played.now = Now()
    monkeypatch.setattr("time.monotonic", Played.now)
    monkeypatch.setattr(dead_reader, "Consumer", Played)
    return Played.now


def test_what_the_caller_takes_is_no_silence(now: Now) -> None:
    first, last = (message(b"v", partition=0, offset=offset) for offset in (0, 1))
    Played.to_come = [first, None, last]
    read = []
    for letters in DeadReader(Settings(), "in.group.dead", "group", {0: 0}, {0: 2}).read():
        read += [letter.offset for letter in letters]
        now.seconds += 60
    assert read == [0, 1]


def test_silence_does_not_last_for_ever(now: Now) -> None:
    Played.to_come = [None] * 1000
    with pytest.raises(BrokersRefused, match="nothing could be read for 30 s"):
        list(DeadReader(Settings(), "in.group.dead", "group", {0: 0}, {0: 2}).read())
    assert now.seconds == pytest.approx(30, abs=1)
