"""A partition whose downstream a test switches off, on a clock that only waits move."""

from collections.abc import Callable, Sequence

from confluent_kafka import Message

from tests.unit.messages import message
from tests.unit.task_parts import Brokers, Word
from workers import App, Reject, Retry
from workers.endings import Rewind
from workers.guard import Guard
from workers.replay import REPLAY_GROUP
from workers.slot import COMMITTABLE, SLOT_BYTES
from workers.source import Batch
from workers.task import PartitionTask

WAIT = 10.0


class Log:
    """A partition that can be read again; records come by the clock where they have a rate."""

    def __init__(self, count: int, keys: int, at_once: int, replayed: Sequence[int], come: Callable[[], int]) -> None:
        ours = [(REPLAY_GROUP, b"group")]
        self.messages = [
            message(b"%d" % n, offset=n, key=b"%d" % (n % keys), headers=ours if n in replayed else None)
            for n in range(count)
        ]
        self.next = 0
        self.rewinds: list[int] = []
        self.served = 0
        self.empty = False
        """Whether the last poll found nothing."""
        self._at_once = at_once
        self.come = come

    @property
    def unread(self) -> bool:
        return self.next < len(self.messages)

    def poll(self, patience: float | None = None) -> Batch:  # noqa: ARG002 - a test waits for nothing
        found: Sequence[Message] = self.messages[self.next : min(self.next + self._at_once, self.come())]
        self.next += len(found)
        self.empty = not found
        return Batch([*found])

    def serve(self) -> None:
        self.served += 1

    def high_watermark(self) -> int:
        return min(len(self.messages), self.come())

    def rewind(self, offset: int) -> None:
        self.rewinds.append(offset)
        self.next = offset


class Partition:
    """A partition of numbered records with a task, and a downstream that a test switches off.

    Args:
        count: how many records there are.
        bad: those that always fail.
        malformed: those that are refused.
        replayed: those that have failed before.
        keys: how many keys they share.
        retries: the agent's.
        batch: the agent's.
        rate: how many come in a second; None: all are there.
    """

    def __init__(
        self,
        count: int,
        *,
        bad: Sequence[int] = (),
        malformed: Sequence[int] = (),
        replayed: Sequence[int] = (),
        keys: int = 1,
        retries: Retry = Retry(attempts=2, backoff=0),  # noqa: B008 frozen
        batch: int | None = None,
        at_once: int = 20,
        share: float = 0.5,
        window: int = 100,
        rate: float | None = None,
    ) -> None:
        self.down = False
        self.now = 0.0
        self.tried: list[int] = []
        self.on_try: Callable[[int], None] = lambda _: None
        self.log = Log(count, keys, at_once, replayed, lambda: count if rate is None else int(self.now * rate) + 1)
        self.words = memoryview(bytearray(SLOT_BYTES)).cast("q")
        self.brokers = Brokers(at_once=True)
        self.word = Word()
        self.word.on_wait = self._passes

        always, refused = frozenset(bad), frozenset(malformed)

        def handle(number: int) -> int:
            self.tried.append(number)
            self.on_try(number)
            if number in refused:
                raise Reject("malformed")
            if self.down or number in always:
                raise ConnectionError(number)
            return number

        app = App("group", retries=retries)
        if batch is None:
            app.agent("in", value=int, output="out")(handle)
        else:

            @app.agent("in", value=int, output="out", batch=batch)
            def several(numbers: list[int]) -> list[int]:
                return [handle(number) for number in numbers]

        self.guard = Guard(self.words, share=share, window=window, wait=WAIT, clock=lambda: self.now)
        self.task = PartitionTask(
            app.agents["in"],
            self.log,
            self.brokers,
            self.words,
            self.word,
            group="group",
            flush_interval=0,
            guard=self.guard,
        )

    def _passes(self) -> None:
        self.now += self.word.waits[-1]
        self.at(self.now)

    at: Callable[[float], None] = staticmethod(lambda _: None)
    """Called with the time at each wait."""

    def at_tries(self, down: Callable[[float], bool]) -> None:
        """Ask `down` at each attempt whether the downstream is away, by the time."""

        def on_try(_: int) -> None:
            self.down = down(self.now)

        self.on_try = on_try

    def run(self, *, idle: float = 0.0) -> None:
        """Read to the end, stay idle for so many seconds, then drain."""
        since = self.now
        for _ in range(100_000):
            unread = self.log.unread
            self._turn()
            if unread or self.log.unread:
                since = self.now
            elif self.now >= since + idle:
                break
            if self.log.empty:
                self.now += 0.1
        else:
            raise AssertionError("it does not come to its end")
        self.word.drain()
        self.task.run()

    def _turn(self) -> None:
        try:
            self.task.turn()
        except Rewind as cause:
            self.task._rewind(cause)

    @property
    def results(self) -> list[int]:
        return [int(value or b"") for value in self.brokers.values()]

    @property
    def letters(self) -> list[int]:
        return [int(letter["pool.origin.offset"]) for letter in self.brokers.letters()]

    @property
    def waiting(self) -> list[int]:
        return [
            int(dict(parcel.headers or ())["pool.origin.offset"] or b"")
            for parcel in self.brokers.taken
            if "retry" in parcel.topic
        ]

    @property
    def committable(self) -> int:
        return self.words[COMMITTABLE]
