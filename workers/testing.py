"""An app under test without a broker: feed records, read results and dead letters.

What runs is the worker's own `PartitionTask`, between a source and a sink in memory. So decoding, retries, dead letters
and the rules for results are the real ones; only waiting is not: a retry follows at once, a delayed one too, and no
guard waits for a failing downstream.
"""

from collections.abc import Iterable
from time import time_ns
from types import TracebackType
from typing import Any, Self

from workers.agent import Agent
from workers.app import App
from workers.memory import HeadersGiven, Lane, Written, header_pairs, message
from workers.records import Record, TopicPartition

__all__ = ["Driver", "Written", "record"]


class Driver:
    """Runs an app's agents in this process. Use it as a context manager: it runs the start and stop functions, too.

    Args:
        app: the app under test.

    Raises:
        AppInvalid, StartFailed: on entering, as a worker would fail to start.

    Example:
        with Driver(app) as driver:
            driver.send("real-time-data", SensorData("a", 61.0), key="a")
            assert [alert.decode(Alert) for alert in driver.results("alerts")] == [Alert("a", 61.0)]
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._lanes: dict[TopicPartition, Lane] = {}
        self._results: list[Written] = []
        self._dead_letters: list[Written] = []
        self._retries: list[Written] = []
        self._retried = 0
        """How many of these have had their turn."""

    def __enter__(self) -> Self:
        self._app.check()
        self._app.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._app.stop()

    def send(
        self,
        topic: str,
        value: Any,
        *,
        key: Any = None,
        headers: HeadersGiven = (),
        timestamp: int | None = None,
        partition: int = 0,
    ) -> None:
        """Feed one record and handle it to its end: when this returns, its results or its dead letter are there.

        Args:
            topic: a topic that one of the agents reads.
            value: bytes are sent as they are, None is a tombstone, all else is encoded by the agent's codec.
            key: bytes as they are, `str` as UTF-8, None for none, all else encoded by the agent's codec.
            headers: pairs, or a mapping, of names to str, bytes or None.
            timestamp: milliseconds since the epoch; None: now.
            partition: the partition; each has offsets of its own, from 0.

        Raises:
            LookupError: no agent reads that topic.
            RecordFatal: the record failed for good, and its agent has no dead-letter topic.
        """
        self.send_batch(topic, [value], key=key, headers=headers, timestamp=timestamp, partition=partition)

    def send_batch(
        self,
        topic: str,
        values: Iterable[Any],
        *,
        key: Any = None,
        headers: HeadersGiven = (),
        timestamp: int | None = None,
        partition: int = 0,
    ) -> None:
        """Feed several records that one poll returns together, as an agent with `batch=` wants to be tested.

        Takes and raises what `send` does; key, headers and timestamp are those of each record.
        """
        agent = self._app.agent_for(topic)
        lane = self._lane(agent, partition)
        lane.feed(
            agent.encode_key(key),
            [agent.encode(value) for value in values],
            header_pairs(headers),
            time_ns() // 1_000_000 if timestamp is None else timestamp,
        )
        self._follow_retries()

    def results(self, topic: str | None = None) -> list[Written]:
        """All results so far, in the order of their writing; those for `topic` alone where it is given."""
        return [result for result in self._results if topic in (None, result.topic)]

    def dead_letters(self, topic: str | None = None) -> list[Written]:
        """All dead letters so far, in the order of their writing; those in the dead-letter topic `topic` alone."""
        return [letter for letter in self._dead_letters if topic in (None, letter.topic)]

    def retries(self, topic: str | None = None) -> list[Written]:
        """All records that were sent to retry topics so far (`delayed=`); those in the retry topic `topic` alone.

        Each of them has had its turn there at once.
        """
        return [retry for retry in self._retries if topic in (None, retry.topic)]

    def _follow_retries(self) -> None:
        while self._retried < len(self._retries):
            retry = self._retries[self._retried]
            self._retried += 1
            lane = self._lane(self._app.agent_for(retry.topic), 0)
            lane.feed(retry.key, [retry.value], retry.headers, time_ns() // 1_000_000)

    def _lane(self, agent: Agent, partition: int) -> Lane:
        place = TopicPartition(agent.topic, partition)
        if place not in self._lanes:
            self._lanes[place] = Lane(agent, place, self._app.group, self._results, self._dead_letters, self._retries)
        return self._lanes[place]


def record(
    value: Any = None,
    *,
    topic: str = "topic",
    partition: int = 0,
    offset: int = 0,
    key: Any = None,
    headers: HeadersGiven = (),
    timestamp: int | None = None,
) -> Record:
    """A Record to call a handler with directly.

    Args:
        value: the decoded value.
        topic: the topic.
        partition: the partition.
        offset: the offset.
        key: the decoded key.
        headers: pairs, or a mapping, of names to str, bytes or None.
        timestamp: milliseconds since the epoch; None: none.
    """
    raw_key = None if key is None else b""
    place, pairs = TopicPartition(topic, partition), header_pairs(headers)
    made = message(place, offset, key=raw_key, value=None, headers=pairs, timestamp=timestamp)
    return Record(made, value, lambda _: key)
