"""One partition in memory: what `workers.testing` puts in the place of Kafka around a worker's task."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, Message

from workers.agent import Agent
from workers.codec import Codec, decoder, takes_null
from workers.dead_letter_topic import SentLetter
from workers.endings import WorkerMustEnd
from workers.records import Headers, TopicPartition
from workers.sink import Parcel, Refusal
from workers.slot import SLOT_BYTES
from workers.source import Batch
from workers.task import PartitionTask
from workers.turn import Turn

if TYPE_CHECKING:
    from typing_extensions import TypeForm  # as in workers.app

T = TypeVar("T")

HeadersGiven = Sequence[tuple[str, str | bytes | None]] | Mapping[str, str | bytes | None]


@dataclass(frozen=True, slots=True)
class Written:
    """A result or a dead letter, as it would be written to its topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int | None
    """None: the key decides."""
    timestamp: int | None
    """Milliseconds since the epoch; None: the time of writing."""
    codec: Codec
    """How the agent that wrote it writes values."""

    def decode(self, declared: "TypeForm[T]") -> T:
        """The value as one of type `declared`, by the agent's codec.

        Raises:
            TypeError: nothing decodes to that type, or the value is null and the type does not take None.
            msgspec.DecodeError: the value is not of that type.
        """
        if self.value is None and takes_null(declared):
            return None  # type: ignore[return-value]  # the type takes it
        decoded: T = decoder(self.codec, declared)(self.value)  # type: ignore[arg-type]  # null is a TypeError, as told
        return decoded

    def header(self, name: str) -> bytes | None:
        """The last header of that name; None where there is none."""
        return dict(self.headers).get(name)


class Lane:
    """One partition with its task.

    Args:
        agent: what to run.
        place: the partition.
        group: the consumer group, for dead letters.
        results: where results are added.
        dead_letters: where dead letters are added.
        retries: where records are added that wait in retry topics.
    """

    def __init__(
        self,
        agent: Agent,
        place: TopicPartition,
        group: str,
        results: list[Written],
        dead_letters: list[Written],
        retries: list[Written],
    ) -> None:
        self._source = MemorySource(place)
        sink = MemorySink(agent.codec, results, dead_letters, retries)
        words = memoryview(bytearray(SLOT_BYTES)).cast("q")
        agent = replace(agent, handler=_let_through(agent.handler))
        self._task = PartitionTask(agent, self._source, sink, words, Unhurried(), group=group, flush_interval=0.0)

    def feed(self, key: bytes | None, values: Iterable[bytes | None], headers: Headers, timestamp: int) -> None:
        """Have the task poll records together and handle them to their end."""
        for value in values:
            self._source.append(key, value, headers, timestamp)
        try:
            self._task.turn()
        except Escaped as escaped:
            raise escaped.raised from None


class Escaped(WorkerMustEnd):
    """A handler was interrupted by what is its caller's: Ctrl-C, or the end of a test.

    Args:
        raised: by what.
    """

    def __init__(self, raised: BaseException) -> None:
        super().__init__(type(raised).__name__)
        self.raised = raised


def _let_through(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A worker takes all that a handler raises for its record's failure; a test's own end is no record's."""

    @wraps(handler)
    def handle(*arguments: Any) -> Any:
        try:
            return handler(*arguments)
        except (Exception, SystemExit):
            raise
        except BaseException as raised:
            raise Escaped(raised) from raised

    return handle


class MemorySource:
    """Gives all records that wait at once, with offsets from 0."""

    def __init__(self, place: TopicPartition) -> None:
        self._place = place
        self._waiting: list[Message] = []
        self._end = 0

    def append(self, key: bytes | None, value: bytes | None, headers: Headers, timestamp: int) -> None:
        self._waiting.append(
            message(self._place, self._end, key=key, value=value, headers=headers, timestamp=timestamp)
        )
        self._end += 1

    def poll(self, patience: float | None = None) -> Batch:  # noqa: ARG002 - nothing is waited for
        messages, self._waiting = self._waiting, []
        return Batch(messages)

    def serve(self) -> None:
        pass

    def high_watermark(self) -> int:
        return self._end

    def rewind(self, offset: int) -> None:
        raise AssertionError(f"nothing in memory is ever taken back, to offset {offset} or any other")


class MemorySink:
    """Acknowledges at once."""

    def __init__(
        self, codec: Codec, results: list[Written], dead_letters: list[Written], retries: list[Written]
    ) -> None:
        self._codec = codec
        self._retries = retries
        self._results = results
        self._dead_letters = dead_letters
        self.refusals: list[Refusal] = []

    def send(self, parcel: Parcel, origin: Any) -> bool:
        written = Written(
            topic=parcel.topic,
            key=parcel.key,
            value=parcel.value,
            headers=header_pairs(parcel.headers or ()),
            partition=None if parcel.partition < 0 else parcel.partition,
            timestamp=parcel.timestamp or None,
            codec=self._codec,
        )
        self._place_for(origin).append(written)
        return True

    def _place_for(self, origin: Any) -> list[Written]:
        if not isinstance(origin, SentLetter):
            return self._results
        return self._retries if origin.later else self._dead_letters

    def send_value(self, topic: str, value: bytes | None, key: bytes | None, origin: Any) -> bool:
        return self.send(Parcel(topic, value, key), origin)

    def pending(self) -> int:
        return 0

    def send_suspects(self) -> None:
        """None is refused here."""

    def wait(self, seconds: float) -> int:  # noqa: ARG002 nothing is ever pending
        return 0


class Unhurried:
    """A control under which nothing stops the task and no wait takes time."""

    draining = False

    def leased(self) -> bool:
        return True

    def overdue(self) -> bool:
        return False

    def metadata(self) -> bytes:
        return b""

    def guard(self, turn: Turn | None) -> None:
        pass

    def in_hand(self) -> int | None:
        return None

    def look(self) -> None:
        pass

    def rest(self) -> None:
        pass

    def wake(self) -> None:
        pass

    def at_ticks(self, function: Callable[[], None]) -> None:
        """There are none: nothing here lasts."""

    def wait(self, seconds: float) -> bool:  # noqa: ARG002 a retry follows at once
        return False


def message(
    place: TopicPartition,
    offset: int,
    *,
    key: bytes | None,
    value: bytes | None,
    headers: Headers,
    timestamp: int | None,
) -> Message:
    """A message as a consumer gives it."""
    return Message(
        topic=place.topic,
        partition=place.partition,
        offset=offset,
        key=key,
        value=value,
        headers=[*headers],
        timestamp=(TIMESTAMP_NOT_AVAILABLE, 0) if timestamp is None else (TIMESTAMP_CREATE_TIME, timestamp),
    )


def header_pairs(headers: HeadersGiven) -> Headers:
    """Headers as a consumer gives them: pairs, values in bytes."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [(name, value.encode() if isinstance(value, str) else value) for name, value in pairs]
