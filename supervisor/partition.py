"""One assigned partition, over all of its workers."""

from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

from supervisor.process import Worker
from supervisor.starts import Start
from supervisor.states import PartitionState
from supervisor.status import PartitionStatus, lag
from supervisor.suspects import Suspects
from workers.records import TopicPartition
from workers.slot import COMMITTABLE, COUNTERS, DEAD_LETTERS, END, GUARDED, POSITION, RECORDS, RESULTS, WORDS

RATE_SECONDS = 1.0


@dataclass(slots=True)
class History:
    """What is kept of a partition when it leaves, for when it comes back: a metric never goes back."""

    totals: list[int] = field(default_factory=lambda: [0] * WORDS)
    """A slot's words with the counters of all dead workers added up."""
    restarts: int = 0


class AssignedPartition:
    """Where a partition stands, from its assignment until it is given back.

    Args:
        name: topic and partition.
        history: what was before, which goes on from there.
        suspects: the records on which its workers died.
    """

    def __init__(self, name: TopicPartition, history: History, suspects: Suspects) -> None:
        self.name = name
        self.suspects = suspects
        self.worker: Worker | None = None
        self.committed: int | None = None
        self.deaths = 0
        """Deaths in a row, soon after each other."""
        self.due_at = 0.0
        """Before when no worker is started, on the monotonic clock."""
        self.fenced_at = 0.0
        """When the last worker was fenced, on the monotonic clock."""
        self.fences = 0
        """Workers fenced in a row, soon after each other."""
        self.drained = False
        """Whether the last worker finished what it had in hand, or there was none."""
        self._state = PartitionState.RESOLVING
        self._resume: int | None = None
        self._position: int | None = None
        self._end: int | None = None
        self._history = history
        self._rate = 0.0
        self._rated = (monotonic(), history.totals[RECORDS])
        # Another thread reads while a dead worker's counters are added up: it must not see them twice, or not at all.
        self._burial = Lock()

    @property
    def state(self) -> PartitionState:
        return self._state

    def become(self, state: PartitionState) -> None:
        """Change the state.

        Raises:
            IllegalTransition: a bug.
        """
        self._state = self._state.to(state)

    @property
    def facts(self) -> dict[str, object]:
        """Its name, for the log."""
        return self.name._asdict()

    @property
    def committable(self) -> int | None:
        """The offset that may be committed now; None until the start is known."""
        return self.worker.words[COMMITTABLE] if self.worker else self._resume

    @property
    def position(self) -> int | None:
        """The offset of the next record to handle; None until the start is known."""
        return self.worker.position if self.worker else self._position

    def resolved(self, start: Start) -> None:
        """The offset to start from is known."""
        if self._resume is not None and start.offset < self._resume:
            self.suspects = self.suspects.anew()  # the log was cut or made anew, and has other records there
        self._resume = self._position = start.offset
        self.committed = start.committed
        self._end = start.end
        self.become(PartitionState.WAITING)

    def bury_worker(self) -> Worker:
        """Take over what a dead worker left in its slot, for the last time, and forget it."""
        with self._burial:
            worker, self.worker = self.worker, None
            assert worker is not None
            self._resume = worker.words[COMMITTABLE]
            self._position = worker.words[POSITION]
            self._end = self._known_end(worker)
            for counter in COUNTERS:
                self._history.totals[counter] += worker.words[counter]
        return worker

    def back_off(self, deaths: int, seconds: float) -> None:
        """The worker died, for the `deaths`th time in a row: the next one has to wait."""
        self.deaths = deaths
        self.due_at = monotonic() + seconds
        self._history.restarts += 1

    def fenced(self, fences: int, seconds: float) -> None:
        """The worker was fenced, the `fences`th in a row: the next one waits, for a proof of membership, too."""
        self.fenced_at = monotonic()
        self.fences = fences
        self.due_at = self.fenced_at + seconds

    def may_wait(self, now: float, proved_at: float) -> bool:
        """Whether what keeps it from another worker is over, given when membership was last proved."""
        if self._state is PartitionState.FENCED:
            return proved_at > self.fenced_at
        return self._state is PartitionState.BACKING_OFF and self.due_at <= now

    def totals(self) -> list[int]:
        """A slot's words, with the counters added up over all workers, the living one too."""
        with self._burial:
            if self.worker is None:
                return list(self._history.totals)
            words = list(self.worker.words)
            for counter in COUNTERS:
                words[counter] += self._history.totals[counter]
            return words

    def measure_rate(self) -> None:
        """Note how many records were handled since the last note, when that is long enough ago."""
        now, records = monotonic(), self._count(RECORDS)
        then, before = self._rated
        if now - then >= RATE_SECONDS:
            self._rate = (records - before) / (now - then)
            self._rated = (now, records)

    def status(self) -> PartitionStatus:
        """Its line of `/status`; another thread may ask for it."""
        with self._burial:
            return self._status(self.worker)

    def _status(self, worker: Worker | None) -> PartitionStatus:
        end = self._known_end(worker)
        return PartitionStatus(
            topic=self.name.topic,
            partition=self.name.partition,
            pid=worker.pid if worker else None,
            state=self._state,
            position=self.position,
            committed=self.committed,
            end=end,
            lag=lag(self.committed, end),
            records=self._count(RECORDS),
            results=self._count(RESULTS),
            dead_letters=self._count(DEAD_LETTERS),
            restarts=self._history.restarts,
            rate=round(self._rate, 1),
            guarded=worker is not None and bool(worker.words[GUARDED]),
        )

    def _known_end(self, worker: Worker | None) -> int | None:
        if worker is None or worker.words[END] < 0:
            return self._end
        return worker.words[END]

    def _count(self, counter: int) -> int:
        return self._history.totals[counter] + (self.worker.words[counter] if self.worker else 0)
