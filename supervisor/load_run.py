"""One load, seen from the process that the user started: senders at work, results read, a sample taken each second."""

import time
from collections.abc import Callable
from typing import Final

from supervisor.interrupt import Interrupt
from supervisor.latencies import Latencies
from supervisor.load_crew import Crew
from supervisor.load_reader import Reader
from supervisor.load_result import Percentiles, Sample
from supervisor.load_verification import Verification
from supervisor.load_watch import PoolWatch

_TURN_SECONDS: Final = 0.05
_SAMPLE_SECONDS: Final = 1.0


class LoadRun:
    """What there is to know of a load while it goes.

    Args:
        crew: entered.
        watch: entered.
        interrupt: asked at each turn.
        reader: of the results; None: they are not read.
        verification: what the reader fills.
        show: called at each turn.
    """

    def __init__(
        self,
        crew: Crew,
        watch: PoolWatch,
        interrupt: Interrupt,
        reader: Reader | None,
        verification: Verification,
        show: Callable[["LoadRun"], None],
    ) -> None:
        self.crew = crew
        self.watch = watch
        self.interrupt = interrupt
        self.reader = reader
        self.verification = verification
        self._show = show
        self.phase = "sending"
        self.acknowledgement = Latencies()
        """Of all acknowledgements so far."""
        self.end_to_end = Latencies()
        """Of all results so far."""
        self.recent: Latencies | None = None
        """Gets the latencies of results of a part of the load, where somebody wants them."""
        self._acknowledged, self._answered = Latencies(), Latencies()
        """Of those since the last sample."""
        self.samples: list[Sample] = []
        self.begun = time.monotonic()
        """When the load began, in seconds of the monotonic clock."""
        self._sampled_at = self.begun
        self._counts = (0, 0, 0)
        self._begun = self._stopped = self._abandoned = False

    def begin(self, rate: float | None = None, duration: float | None = None) -> None:
        """Have the crew send what its schedule says, or at a rate for so many seconds; times count from the first."""
        self.crew.prepare(rate, duration)
        while not (self.crew.ready or self.crew.gone or self.interrupt.requested):
            self._hear()
            self._show(self)
        self.crew.begin()
        if not self._begun:
            self._begun = True
            self.begun = self._sampled_at = self.crew.moment

    @property
    def ending(self) -> bool:
        """Whether nothing more is to be sent: somebody wants the end, or a process can send no more."""
        return self.interrupt.requested or self.crew.totals.fatal is not None

    def heed(self) -> None:
        """Have the crew stop where the load is ending, and give up what is out where somebody has asked twice."""
        if self.ending and not self._stopped:
            self._stopped = True
            self.crew.stop()
        if self.interrupt.impatient and not self._abandoned:
            self._abandoned = True
            self.crew.abandon()

    def send(self) -> None:
        """Turn until all is sent and acknowledged; the first Ctrl-C ends the sending, a second one the waiting."""
        while not self.crew.totals.finished:
            self.turn()
            self.heed()
            if self.crew.totals.done:
                self.phase = "waiting for acknowledgements"
        self.sample(force=True)

    def settle(self, patience: float) -> None:
        """Turn until no result has come for so many seconds: one that is missing may come late, and a repeat, too."""
        if self.reader is None:
            return
        self.phase = f"waiting until no result has come for {patience:g} s"
        if not self.interrupt.impatient:
            self._settle(self.reader, patience)
        if self.interrupt.impatient and self.reader.error is None:
            self.reader.error = "interrupted before they were read to their ends"

    def _settle(self, reader: Reader, patience: float) -> None:
        begun = time.monotonic()
        reader.find_end()
        while reader.error is None and not self.interrupt.impatient:
            self.turn()
            known, quiet = reader.has_found_end(), time.monotonic() - max(begun, reader.last_result)
            if known and quiet > patience:
                break
        if reader.error is None and not self.interrupt.impatient and not reader.at_end():
            reader.error = f"the topic could not be read to its end: nothing came for {patience:g} s"
        self.sample(force=True)

    def turn(self) -> None:
        """Do what there is to do for a moment."""
        self._hear()
        self.sample()
        self._show(self)

    def _hear(self) -> None:
        """Take in what processes say, and what has come, waiting a moment for it."""
        if self.reader is None:
            self.crew.listen(_TURN_SECONDS)
        else:
            self.reader.read(_TURN_SECONDS)
            self.crew.listen(0)
            self.verification.reach = self.crew.reach

    def sample(self, *, force: bool = False) -> None:
        """Take a sample where a second is over, or in any case but of next to no time."""
        now = time.monotonic()
        seconds = now - self._sampled_at
        if force or seconds >= _SAMPLE_SECONDS:
            self.gather()
        if seconds < (_TURN_SECONDS if force else _SAMPLE_SECONDS):
            return
        totals, verification = self.crew.totals, self.verification
        acknowledged, answered = self._acknowledged.take(), self._answered.take()
        counts = (totals.sent, totals.acknowledged, verification.results)
        rates = [round((new - old) / seconds, 1) for new, old in zip(counts, self._counts, strict=True)]
        reading = self.reader is not None
        self.samples.append(
            Sample(
                at=round(now - self.begun, 2),
                sent=rates[0],
                acknowledged=rates[1],
                results=rates[2] if reading else None,
                behind=totals.behind,
                lag=self.watch.lag,
                open=verification.missing if reading else None,
                acknowledgement=Percentiles.of(acknowledged),
                end_to_end=Percentiles.of(answered) if reading else None,
            )
        )
        self._sampled_at, self._counts = now, counts

    def gather(self) -> None:
        """Take in the latencies up to now: else those since the last sample are not in any of the percentiles."""
        acknowledged, answered = self.crew.news.take(), self.verification.latencies.take()
        for one in (self.acknowledgement, self._acknowledged):
            one.merge(acknowledged)
        for one in (self.end_to_end, self._answered):
            one.merge(answered)
        if self.recent is not None:
            self.recent.merge(answered)
