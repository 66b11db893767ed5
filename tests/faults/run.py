"""One run: start, faults, recovery, checks."""

import random
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from time import monotonic_ns
from typing import Final

from tests.faults.audit import Audit, Topics
from tests.faults.commit_samples import CommitSamples
from tests.faults.fleet import MOST, Fleet
from tests.faults.injector import Injector, Say
from tests.faults.ledger import NS, Ledger
from tests.faults.load import Load
from tests.faults.plan import LONGEST, OUTAGES, plan
from tests.faults.report import Check, Report, none_of, within
from tests.faults.settings import EXACTLY_ONCE, Settings
from tests.faults.timetable import Timetable
from tests.support.cluster import Cluster
from tests.support.wait import wait_for

_GROUP: Final = "under-fire"
_TOPICS: Final = Topics("numbered", "done", f"numbered.{_GROUP}.dead")
_RESULT_PARTITIONS: Final = 6
_LETTER_PARTITIONS: Final = 2
_START_SECONDS: Final = 60.0
_FINISH_SECONDS: Final = 90.0
_COMMIT_SECONDS: Final = 30.0
_END_SECONDS: Final = 40.0
_SHORT_QUEUE: Final = 100
"""Messages in the output queue of two supervisors of three."""
_BROKER_SESSIONS: Final = (
    "group.consumer.session.timeout.ms",
    "group.consumer.heartbeat.interval.ms",
    "group.initial.rebalance.delay.ms",
)
_DEFAULT_SESSIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "classic": {"KAFKA_SESSION_TIMEOUT_MS": "45000", "KAFKA_HEARTBEAT_INTERVAL_MS": "3000"},
    "consumer": {"POOL_LEASE": "15"},
}


class Run:
    """What takes part in a run of these settings.

    Args:
        settings: see there.
        directory: for the logs of supervisors and brokers.
        say: told of each fault, with its facts as keywords.
    """

    def __init__(self, settings: Settings, directory: Path, say: Say) -> None:
        self._settings = settings
        self._say = say
        self._timetable = Timetable()
        without = _BROKER_SESSIONS if settings.defaults else ()
        self._cluster = Cluster(directory, settings.brokers, without=without)
        self._fleet = Fleet(self._cluster.proxied, directory, protocol=settings.protocol, env=self._env)
        self._ledger = Ledger(settings.partitions)
        self._load = Load(
            self._cluster.bootstrap,
            _TOPICS.source,
            partitions=settings.partitions,
            rate=settings.rate,
            keys=settings.keys,
        )
        self._injector = Injector(self._cluster, self._fleet, self._load, self._timetable, say)

    def execute(self) -> Report:
        """Run; all that was started is ended, whatever happens.

        Raises:
            AssertionError: the run itself could not be done: brokers that do not start, no first result.
        """
        with ExitStack() as ending:
            ending.enter_context(self._cluster)
            sizes = (self._settings.partitions, _RESULT_PARTITIONS, _LETTER_PARTITIONS)
            for name, size in zip(_TOPICS, sizes, strict=True):
                self._cluster.create_topic(name, size)
            bootstrap = self._cluster.bootstrap
            targets = list(zip(_TOPICS, sizes, strict=True))
            samples = CommitSamples(bootstrap, _GROUP, targets[0], targets[1:])
            audit = Audit(bootstrap, _TOPICS, sizes, self._ledger, samples)
            for thread in (audit, samples):
                ending.callback(thread.stop)
                thread.start()
            ending.callback(self._fleet.close)
            return self._played(audit, samples)

    def _played(self, audit: Audit, samples: CommitSamples) -> Report:
        self._begin()
        last = self._inject()
        backlog = max(0, self._ledger.sent - self._ledger.ended)
        sent, waited = self._recover(audit, last, backlog)
        uncommitted = self._uncommitted(samples)
        self._fleet.end(_END_SECONDS)
        with suppress(AssertionError):
            wait_for(lambda: (final := samples.take()) is not None and audit.reached(final), _COMMIT_SECONDS, every=0.2)
        checks = [*self._records(sent), *self._commits(audit, uncommitted), *self._processes(last, backlog)]
        self._say("checked", records=sent, seconds_to_finish=round(waited, 1))
        return Report(self._settings, self._injector.injected, checks)

    def _begin(self) -> None:
        """Start what the seed says, and wait until every partition moves."""
        for _ in range(random.Random(self._settings.seed).randint(1, MOST)):
            self._injector.start("at first")
        self._load.start()
        wait_for(self._started, _START_SECONDS, lambda: f"no first results\n{self._log_tail()}", every=0.2)
        self._say("all_moving")

    def _started(self) -> bool:
        ended = [member.number for member in self._fleet.present if member.exit_code is not None]
        assert not ended, f"supervisors {ended} have ended\n{self._log_tail()}"
        return all(self._ledger.moves(number) for number in range(self._settings.partitions))

    def _inject(self) -> int:
        """Inject all faults and take them back; when the last one ended, in nanoseconds of the monotonic clock."""
        told = self._settings
        stretch = told.session / 6
        for planned in plan(told.seed, told.faults, duration=told.duration, every=told.every, stretch=stretch):
            self._timetable.after(planned.at, partial(self._injector.inject, planned))
        self._timetable.run(self._look)
        if not self._fleet.present:
            self._injector.start("none is left")
        self._cluster.wait_ready()
        self._say("last_fault_over")
        return monotonic_ns()

    def _look(self) -> None:
        """Replace what ended by itself: the run goes on, and the report tells of it."""
        for member in self._fleet.look():
            self._say("ended_unexpectedly", supervisor=member.number, code=member.exit_code, log=member.pool.log_file)
            self._injector.start("in place of one that ended")

    def _recover(self, audit: Audit, last: int, backlog: int) -> tuple[int, float]:
        """Send on until all have caught up, or should move, then wait until all is done.

        Returns:
            how much was sent, and the seconds of waiting.
        """
        ledger, partitions = self._ledger, range(self._settings.partitions)

        def looked(condition: bool) -> bool:
            self._look()
            return condition

        with suppress(AssertionError):
            caught_up = partial(ledger.caught_up_at, since=last)
            wait_for(lambda: looked(all(map(caught_up, partitions))), self._settings.moving_bound, every=0.2)
        sent = self._load.stop()
        self._say("load_ended", records=sent)
        began = self._timetable.elapsed
        with suppress(AssertionError):
            patience = self._settings.catching_up_bound(backlog) + _FINISH_SECONDS
            wait_for(lambda: looked(audit.finished(sent)), patience, every=0.1)
        return sent, self._timetable.elapsed - began

    def _uncommitted(self, samples: CommitSamples) -> Mapping[int, int]:
        """The records of each partition that are not committed, after some patience."""
        left: dict[int, int] = dict(enumerate(self._ledger.input_ends()))

        def committed() -> bool:
            if (sample := samples.take()) is None:
                return False
            ends = self._ledger.input_ends()
            left.clear()
            left.update({p: end - sample.committed.get(p, 0) for p, end in enumerate(ends)})
            return not any(left.values())

        with suppress(AssertionError):
            wait_for(committed, _COMMIT_SECONDS, every=0.2)
        return {partition: records for partition, records in left.items() if records}

    # Checks.

    def _records(self, sent: int) -> list[Check]:
        ledger = self._ledger
        exactly_once = self._settings.guarantee == EXACTLY_ONCE
        repeats = len(ledger.repeats) + ledger.repeated_letters
        repeated = Check("repeated", f"{repeats:,}", "0" if exactly_once else "any", not (exactly_once and repeats))
        found = [
            Check("sent, and in the topic", f"{sent:,}, {ledger.sent:,}", "equal", sent == ledger.sent),
            none_of("input not numbered without gaps", ledger.unnumbered),
            none_of("missing", ledger.missing()),
            repeated,
            none_of("out of order within a key", ledger.disordered),
            none_of("ended in the wrong topic", ledger.wrong),
        ]
        if not exactly_once:
            found.append(within("longest work done twice", ledger.longest_repeat(), self._repeat_bound()))
        return found

    def _commits(self, audit: Audit, uncommitted: Mapping[int, int]) -> list[Check]:
        return [
            Check("samples of the commits checked", f"{audit.checked:,}", "some", audit.checked > 0),
            none_of("committed above an unfinished record", audit.early),
            none_of("committed offsets moved back", audit.moved_back),
            none_of("partitions not committed to their end", sorted(uncommitted.items())),
        ]

    def _processes(self, last: int, backlog: int) -> list[Check]:
        told, ledger = self._settings, self._ledger

        def slowest(when: Callable[[int, int], int | None]) -> float | None:
            times = [when(number, last) for number in range(told.partitions)]
            return None if None in times else max(at - last for at in times if at is not None) / NS

        caught_up = f"slowest to have caught up, with {backlog:,} behind"
        return [
            within("slowest partition to move after the last fault", slowest(ledger.moved_at), told.moving_bound),
            within(caught_up, slowest(ledger.caught_up_at), told.catching_up_bound(backlog)),
            none_of("supervisors that ended unexpectedly", self._fleet.unexpected),
            none_of("processes left behind", sorted(self._fleet.orphans)),
        ]

    def _repeat_bound(self) -> float:
        """While commits cannot come through, work goes on."""
        outage = max((LONGEST[fault] for fault in self._injector.injected if fault in OUTAGES), default=0.0)
        return self._settings.repeat_bound + outage

    def _env(self, number: int) -> Mapping[str, str]:
        told = self._settings
        env = {"FAULTS_INPUT": _TOPICS.source, "FAULTS_OUTPUT": _TOPICS.results, "POOL_GROUP": _GROUP}
        if told.guarantee == EXACTLY_ONCE:
            env["POOL_GUARANTEE"] = EXACTLY_ONCE
        if told.killers:
            env |= {"POOL_QUARANTINE_AFTER": "2", "POOL_HANDLER_TIMEOUT": "3"}
        if number % MOST:
            env["KAFKA_QUEUE_BUFFERING_MAX_MESSAGES"] = str(_SHORT_QUEUE)
        return {**env, **(_DEFAULT_SESSIONS[told.protocol] if told.defaults else {"POOL_WORKER_TIMEOUT": "5"})}

    def _log_tail(self) -> str:
        return "\n".join(member.pool.log_tail(20) for member in self._fleet.present)
