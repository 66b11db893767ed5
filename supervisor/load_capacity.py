"""`load --find-capacity`: the highest rate that a pool keeps up with, found by trying."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from supervisor.latencies import Latencies
from supervisor.load_options import LoadOptions
from supervisor.load_refused import LoadRefused
from supervisor.load_result import Capacity, Tried
from supervisor.load_run import LoadRun

_FIRST_RATE: Final = 1000.0
_GROWTH: Final = 2.0
_PRECISION: Final = 1.1
"""Two rates that differ by less are one."""
_WARM_SHARE: Final = 0.3
"""Of a step's time that is not judged."""
_BEHIND_SHARE: Final = 0.05
"""Of the records of a step: where more are not handled, lag grows."""
_BEHIND_SECONDS: Final = 0.3
"""So many seconds' worth may be missing, since a status is as old as that."""
_GENERATOR_SECONDS: Final = 0.1
"""So many seconds' worth may be due and not sent: where more are, it is not the pool that gave out."""
_BACKLOG_SHARE: Final = 0.1
"""Of a step's results: so many may be open at its end, and no more than a second's worth."""
_P99_SHARE: Final = 0.01
_DRAIN_SECONDS: Final = 60.0
_SILENT_SECONDS: Final = 5.0
"""After which a supervisor that does not answer is no longer there."""
_LOST_SECONDS: Final = 10.0
"""After so long without any result, those that are still open are lost, not late."""
HEADROOM: Final = 1.3
"""How much more than its target rate a pool should be able to do: to catch up after a restart."""


@dataclass(slots=True)
class _Mark:
    """What stood at a moment of a step."""

    moment: float
    handled: tuple[float, int] | None
    """When the pool was looked at last, and the records that it had handled then."""
    waiting: int | None
    """What it had still to handle then."""
    answered: int
    expected: int
    missing: int


class CapacitySearch:
    """Doubles the rate until the pool does not keep up, then halves the gap to the last rate with which it did.

    Args:
        load: whose crew sends.
        options: `hold`, `slo` (milliseconds), `target` (records a second); `rate` is the first rate.
        partitions: of the topic.
        note: told of each step.
    """

    def __init__(self, load: LoadRun, options: LoadOptions, partitions: int, note: Callable[[str], None]) -> None:
        self._load = load
        self._options = options
        self._partitions = partitions
        self._note = note
        self._tried: list[Tried] = []
        self._replicas = 0
        """How many supervisors answered when the search began; 0: none was asked."""
        self._before = self._mark()
        """What stood before the step."""

    def run(self) -> Capacity:
        """Search until the rate is known within a tenth, or Ctrl-C.

        Raises:
            LoadRefused: nothing was sent, since the status is not of the whole pool.
        """
        self._require_all_partitions()
        self._replicas = self._load.watch.replicas
        best, worst, rate = 0.0, math.inf, self._options.rate or _FIRST_RATE
        while not self._load.ending and worst > best * _PRECISION and rate >= 1:
            tried = self._try(rate)
            self._tried.append(tried)
            self._note(f"{rate:,.0f}/s: {tried.why}")
            if tried.kept_up:
                best = rate
            else:
                worst = rate
                if not self._drained():
                    break  # also where somebody interrupts
            rate = _next(best, worst)
        return self._capacity(best)

    def _require_all_partitions(self) -> None:
        topic, told = self._options.topic, self._told
        if self._options.status and told < self._partitions:
            raise LoadRefused(
                f"--status tells of {told} of the {self._partitions} partitions of {topic}, and lag may grow in any:"
                f" give it once for each supervisor of the pool that reads {topic}, when all of them are running"
            )

    @property
    def _told(self) -> int:
        """Of how many partitions the status tells."""
        return len({place.partition for place in self._load.watch.partitions})

    @property
    def _whole(self) -> bool:
        """Whether all supervisors that are asked have answered lately."""
        handled = self._load.watch.handled
        return handled is None or time.monotonic() - handled[0] < _SILENT_SECONDS

    def _try(self, rate: float) -> Tried:
        load, hold = self._load, self._options.hold
        load.phase = f"trying {rate:,.0f}/s"
        self._before = self._mark()
        load.begin(rate, hold)
        begun, latencies = load.crew.moment, Latencies()
        mark: _Mark | None = None
        end: _Mark | None = None
        tried: Tried | None = None
        # With a bound on latencies, what is open at the end has as long to come.
        patience = (self._options.slo or 0.0) / 1000 if self._options.verify is not None else 0.0
        while not load.crew.totals.finished or (end is not None and tried is None and not load.ending):
            load.turn()
            if mark is None and time.monotonic() >= begun + hold * _WARM_SHARE:
                mark = self._mark()
                load.sample(force=True)
                load.recent = latencies
            if mark is not None and load.crew.totals.done and end is None:
                load.sample(force=True)
                end = self._mark()
            if mark is not None and end is not None and tried is None and time.monotonic() >= end.moment + patience:
                load.gather()
                tried = self._judge(rate, mark, end, latencies)
            load.heed()
        load.recent = None
        if tried is None or load.ending:
            return Tried(rate=rate, kept_up=None, why=load.crew.totals.fatal or "interrupted")
        return tried

    def _mark(self) -> _Mark:
        found, watch = self._load.verification, self._load.watch
        return _Mark(time.monotonic(), watch.handled, watch.waiting, found.answered, found.expected or 0, found.missing)

    def _judge(self, rate: float, mark: _Mark, end: _Mark, latencies: Latencies) -> Tried:
        pace = _pace(mark, end)
        handled = None if pace is None else pace[1] / pace[0]
        p99 = latencies.percentile(0.99)
        late = None if p99 is None else round(p99 * 1000, 1)
        if (unknown := self._no_telling(rate, pace)) is not None:
            return Tried(rate=rate, kept_up=None, why=unknown, p99=late, handled=handled)
        if (why := self._failure(rate, mark, end, late)) is not None:
            return Tried(rate=rate, kept_up=False, why=why, p99=late, handled=handled)
        told = [] if late is None else [f"p99 {late:,.1f} ms"]
        told += [] if handled is None else [f"{handled:,.0f}/s handled"]
        return Tried(rate=rate, kept_up=True, why=", ".join(["kept up", *told]), p99=late, handled=handled)

    def _no_telling(self, rate: float, pace: tuple[float, int] | None) -> str | None:
        """Why a step says nothing of the pool; None: it does."""
        behind = self._load.crew.totals.behind
        if behind > rate * _GENERATOR_SECONDS:
            return f"the generator is {behind:,} records behind: give it more --processes, or a machine of its own"
        if not self._whole or (self._options.verify is None and pace is None):
            return "not every supervisor answers at --status"
        return None

    def _failure(self, rate: float, mark: _Mark, end: _Mark, late: float | None) -> str | None:
        """What gave out at a rate; None: nothing."""
        slo = self._options.slo
        if (pace := _pace(mark, end)) is not None:
            seconds, handled = pace
            sent = rate * (1 + self._options.duplicate)
            more = 0  # also of what others write there
            if end.waiting is not None and mark.waiting is not None:
                more = end.waiting - mark.waiting
            if max(sent * seconds - handled, more) > sent * max(seconds * _BEHIND_SHARE, _BEHIND_SECONDS):
                return f"lag grows: {handled / seconds:,.0f}/s handled"
        if self._options.verify is not None:
            if end.answered == mark.answered:
                return "no results"
            # What was missing before the step is lost, and no lag; so is a small share of the step.
            missing, seconds = end.missing - self._before.missing, end.moment - self._before.moment
            expected = (end.expected - mark.expected) / (end.moment - mark.moment)
            if missing > expected * min(seconds * _BACKLOG_SHARE, 1.0):
                return f"lag grows: {missing:,} results are open"
        if slo is not None and late is not None:
            if late > slo:
                return f"p99 {late:,.1f} ms passes {slo:g} ms"
            found = self._load.verification
            if found.missing - self._before.missing > ((found.expected or 0) - self._before.expected) * _P99_SHARE:
                return f"p99 passes {slo:g} ms: more than one of a hundred results are open for so long"
        return None

    def _drained(self) -> bool:
        """Wait until what was too much is done; False where it is not in time."""
        load, deadline = self._load, time.monotonic() + _DRAIN_SECONDS
        load.phase = "waiting until the lag is gone"
        while not load.ending:
            load.turn()
            if self._all_done():
                return True
            if time.monotonic() > deadline:
                open_still = "the lag was not gone" if self._whole else "not every supervisor answers at --status"
                self._note(f"{open_still} after {_DRAIN_SECONDS:g} s; the search ends")
                break
        return False

    def _all_done(self) -> bool:
        load = self._load
        if not self._whole or (self._options.status and (load.watch.lag != 0 or self._told < self._partitions)):
            return False
        if load.reader is None or not load.verification.missing:
            return True
        answers = load.verification.answered > self._before.answered
        return answers and time.monotonic() - load.reader.last_result > _LOST_SECONDS

    def _capacity(self, best: float) -> Capacity:
        replicas = self._replicas or None
        target = self._options.target
        partitions = needed = None
        if target is not None and best:
            share = target * HEADROOM / best
            needed = math.ceil(share * replicas) if replicas is not None else None
            partitions = max(needed or 1, math.ceil(share * self._partitions))
        return Capacity(
            tried=self._tried,
            rate=best or None,
            bounded=_bounded(self._tried),
            partitions=self._partitions,
            replicas=replicas,
            target=target,
            target_partitions=partitions,
            target_replicas=needed,
        )


def _bounded(tried: list[Tried]) -> bool:
    """Whether it was the pool that did not keep up with the lowest rate above the capacity."""
    above = [one for one in tried if not one.kept_up]
    return bool(above) and min(above, key=lambda one: one.rate).kept_up is False


def _pace(mark: _Mark, end: _Mark) -> tuple[float, int] | None:
    """In how many seconds the pool handled how many records; None where it does not tell."""
    if mark.handled is None or end.handled is None or end.handled[0] <= mark.handled[0]:
        return None
    return end.handled[0] - mark.handled[0], end.handled[1] - mark.handled[1]


def _next(best: float, worst: float) -> float:
    if worst == math.inf:
        return best * _GROWTH
    return math.sqrt(best * worst) if best else worst / 4
