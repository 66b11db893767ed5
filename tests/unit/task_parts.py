"""What a test puts around a worker's task: records to poll, brokers that do as they are told, a supervisor's word."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from tests.unit.messages import message
from workers import App
from workers.errors import ResultRefused
from workers.queues import HELD, Most
from workers.records import offset_of
from workers.replay import Replays
from workers.sink import Parcel, Refusal
from workers.slot import COMMITTABLE, POSITION, SLOT_BYTES
from workers.source import Batch
from workers.task import PartitionTask
from workers.turn import Turn

Verdict = Callable[[Parcel], ResultRefused | None]


class Polls:
    """A source whose polls are written down beforehand; further ones find nothing."""

    def __init__(self, *batches: Batch) -> None:
        self._batches = deque(batches)
        self.patience: float | None = None
        """How long the last poll was to wait at most."""
        self.served = 0
        """How often the client was asked for what else it has to say."""

    def poll(self, patience: float | None = None) -> Batch:
        self.patience = patience
        return self._batches.popleft() if self._batches else Batch([])

    def serve(self) -> None:
        self.served += 1

    def high_watermark(self) -> int:
        return 1000

    def rewind(self, offset: int) -> None:
        raise AssertionError(f"taken back to {offset}")


class Brokers:
    """A sink that acknowledges or refuses, a wave at each wait, what was sent up to then; or at once.

    Args:
        at_once: whether nothing ever waits.
        verdict: the refusal of a message, or None where it is taken.
    """

    def __init__(self, *, at_once: bool = False, verdict: Verdict = lambda _: None) -> None:
        self.taken: list[Parcel] = []
        self.refusals: list[Refusal] = []
        self.on_wait: Callable[[], None] = lambda: None
        self.wave = 1_000_000
        """How many messages are judged at a wait."""
        self.room = 1_000_000
        self.waits = 0
        self.asked = 0
        """How often it was asked what is pending: the client says what it has to."""
        self._at_once = at_once
        self._verdict = verdict
        self._unjudged: deque[tuple[Parcel, Any]] = deque()

    def send(self, parcel: Parcel, origin: Any) -> bool:
        if len(self._unjudged) >= self.room:
            return False
        self._unjudged.append((parcel, origin))
        if self._at_once:
            self._judge()
        return True

    def send_value(self, topic: str, value: bytes | None, key: bytes | None, origin: Any) -> bool:
        return self.send(Parcel(topic, value, key), origin)

    def pending(self) -> int:
        self.asked += 1
        return len(self._unjudged)

    def send_suspects(self) -> None:
        """None is sent again here."""

    def wait(self, seconds: float) -> int:  # noqa: ARG002 - a test waits for nothing
        self.waits += 1
        self.on_wait()
        self._judge()
        return len(self._unjudged)

    def values(self, topic: str = "out") -> list[bytes | None]:
        """What was taken for a topic, in order."""
        return [parcel.value for parcel in self.taken if parcel.topic == topic]

    def letters(self) -> list[dict[str, bytes]]:
        """The headers of the dead letters that were taken, as a consumer gives them."""
        taken = [parcel.headers or () for parcel in self.taken if parcel.topic == "in.group.dead"]
        return [{name: value for name, value in headers if isinstance(value, bytes)} for headers in taken]

    def _judge(self) -> None:
        for _ in range(min(self.wave, len(self._unjudged))):
            parcel, origin = self._unjudged.popleft()
            error = self._verdict(parcel)
            if error is None:
                self.taken.append(parcel)
            else:
                self.refusals.append(Refusal(origin, error))


class Word:
    """A supervisor's word: the drain, and the lease."""

    def __init__(self) -> None:
        self.draining = False
        self.lease = True
        self.over = False
        self.turn: Turn | None = None
        self.looks = 0
        self.resting = False
        self.waits: list[float] = []
        self.tick: Callable[[], None] = lambda: None
        self.on_wait: Callable[[], None] = lambda: None

    def leased(self) -> bool:
        return self.lease

    def overdue(self) -> bool:
        return self.over

    def metadata(self) -> bytes:
        return b""

    def guard(self, turn: Turn | None) -> None:
        self.turn = turn

    def in_hand(self) -> int | None:
        message = None if self.turn is None else self.turn.in_hand()
        return None if message is None else offset_of(message)

    def look(self) -> None:
        self.looks += 1

    def rest(self) -> None:
        self.resting = True

    def wake(self) -> None:
        self.resting = False

    def end_turn(self) -> None:
        """As the watch does it, from whatever thread."""
        if self.turn is not None:
            self.turn.end()

    def at_ticks(self, function: Callable[[], None]) -> None:
        self.tick = function

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.on_wait()
        return self.draining

    def drain(self) -> None:
        """As the watch does it, from whatever thread."""
        self.draining = True
        self.end_turn()


class Bench:
    """A task of the agent of topic `in`, group `group`, with all that it touches.

    Args:
        app: the app.
        batches: what its polls find.
        brokers: where results go.
        flush_interval: seconds; so long by default that nothing is flushed but for another reason.
        held: how many results may be held back.
        replays: which replayed records it handles.
        linger: seconds for which results wait for company where there is no backlog; None: the sink knows.
    """

    def __init__(
        self,
        app: App,
        *batches: Batch,
        brokers: Brokers | None = None,
        flush_interval: float = 3600,
        held: Most = HELD,
        replays: Replays = Replays.OWN,
        linger: float | None = None,
    ) -> None:
        self.words = memoryview(bytearray(SLOT_BYTES)).cast("q")
        self.brokers = brokers or Brokers()
        self.word = Word()
        self.polls = Polls(*batches)
        self.task = PartitionTask(
            app.agents["in"],
            self.polls,
            self.brokers,
            self.words,
            self.word,
            group=app.group,
            flush_interval=flush_interval,
            held=held,
            replays=replays,
            linger=linger,
        )

    @property
    def position(self) -> int:
        return self.words[POSITION]

    @property
    def committable(self) -> int:
        return self.words[COMMITTABLE]

    def run(self) -> None:
        """Handle all, then drain."""
        self.task.turn()
        self.word.drain()
        self.task.run()


def records(*values: bytes | None, offsets: Sequence[int] | None = None, end: int | None = None) -> Batch:
    """One poll's records, with offsets from 0 or those given."""
    places = range(len(values)) if offsets is None else offsets
    return Batch([message(value, offset=offset) for value, offset in zip(values, places, strict=True)], end)
