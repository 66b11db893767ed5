"""The search for capacity, with a pool and a clock that are made up: what it tries, and what it makes of that."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from supervisor import load_capacity
from supervisor.load_capacity import CapacitySearch
from supervisor.load_options import LoadOptions
from supervisor.load_refused import LoadRefused
from supervisor.load_result import Capacity
from supervisor.load_run import LoadRun

TURN = 0.05
PARTITIONS = 4
STATUS = ("a:1", "b:1")


class Simulation:
    """A load and its pool; all records are to have a result.

    Args:
        possible: records a second that the pool can do.
        lost: the share of records that it never answers.
        generator: records a second that the generator can do.
        told: for how many partitions the status tells.
        dead_from: when the pool ends, in seconds.
        interrupted_at: when Ctrl-C comes.
        again_at: when it comes a second time.
        acknowledged: whether the brokers acknowledge anything.
        twice: the share of records that are sent twice.
        others: records a second that somebody else writes.
        fatal_at: when the producer is beyond repair.
        last: the latency of results that come after a step, and before it is judged.
    """

    def __init__(
        self,
        possible: float,
        *,
        lost: float = 0.0,
        generator: float = 1e9,
        told: int = PARTITIONS,
        dead_from: float = 1e9,
        interrupted_at: float = 1e9,
        again_at: float = 1e9,
        acknowledged: bool = True,
        twice: float = 0.0,
        others: float = 0.0,
        fatal_at: float = 1e9,
        last: float = 0.0,
    ) -> None:
        self.possible, self.lost, self.generator = possible, lost, generator
        self.dead_from, self.interrupted_at, self.again_at = dead_from, interrupted_at, again_at
        self.acknowledged, self.twice, self.others = acknowledged, twice, others
        self.fatal_at, self.last = fatal_at, last
        self.now = self.moment = self.sent = self.handled = self.rate = self.until = 0.0
        self.behind = 0.0
        self.recent: Any = None
        self.notes: list[str] = []
        places = [SimpleNamespace(partition=number) for number in range(told)]
        self.watch = SimpleNamespace(handled=None, waiting=None, lag=None, replicas=2, partitions=places)
        self.verification = SimpleNamespace(answered=0, expected=0, missing=0)
        self.reader: SimpleNamespace | None = SimpleNamespace(last_result=0.0)
        self.totals = SimpleNamespace(done=True, finished=True, behind=0, fatal=None)
        self.interrupt = SimpleNamespace(requested=False, impatient=False)
        self.crew = self
        self._stopped = self._abandoned = False

    def monotonic(self) -> float:
        return self.now

    def begin(self, rate: float, hold: float) -> None:
        self.rate, self.moment, self.until, self.behind = rate, self.now, self.now + hold, 0.0
        self.totals.done = self.totals.finished = False

    def stop(self) -> None:
        self.until = self.now

    def abandon(self) -> None:
        self.acknowledged = True

    ending = LoadRun.ending

    def heed(self) -> None:
        LoadRun.heed(cast("LoadRun", self))

    def gather(self) -> None:
        self.recent.add(self.last)

    def sample(self, *, force: bool) -> None:
        """The latency is how long the backlog takes."""
        if self.recent is not None and force:
            self.recent.add((self.sent - self.handled) / self.possible)

    def turn(self) -> None:
        self.now += TURN
        self.interrupt.requested, self.interrupt.impatient = self.now > self.interrupted_at, self.now > self.again_at
        self.totals.fatal = "made up" if self.now > self.fatal_at else None
        self.totals.done = self.now >= self.until
        self.totals.finished = self.totals.done and self.acknowledged
        self.sent += self.others * TURN
        if not self.totals.done:
            self.behind += (self.rate - min(self.rate, self.generator)) * TURN
            self.sent += min(self.rate, self.generator) * (1 + self.twice) * TURN
        self.totals.behind = int(self.behind)
        if self.now > self.dead_from:
            self.watch.partitions = []
            return
        new = min(self.sent - self.handled, self.possible * TURN)
        self.handled += new
        found = self.verification
        found.answered, found.expected = int(self.handled * (1 - self.lost)), int(self.sent)
        found.missing = found.expected - found.answered
        if self.reader is not None and new > 0:
            self.reader.last_result = self.now
        self.watch.handled = (self.now, int(self.handled))
        self.watch.lag = int(self.sent - self.handled)
        self.watch.waiting = None if self.twice else self.watch.lag  # not every status has the ends to tell it


def search(monkeypatch: pytest.MonkeyPatch, pool: Simulation, **how: Any) -> Capacity:
    """Look for the pool's capacity; the status is asked where options say so, likewise the results."""
    monkeypatch.setattr(load_capacity, "time", pool)
    options = LoadOptions(topic="in", find_capacity=True, **how)
    if not options.status:
        pool.watch = SimpleNamespace(handled=None, waiting=None, lag=None, replicas=0, partitions=[])
    if not options.verify:
        pool.reader, pool.verification = None, SimpleNamespace(answered=0, expected=0, missing=0)
    return CapacitySearch(cast("LoadRun", pool), options, PARTITIONS, pool.notes.append).run()


@pytest.mark.parametrize("how", [{"status": STATUS}, {"verify": "out"}, {"status": STATUS, "verify": "out"}])
def test_the_rate_is_found_whatever_tells_of_lag(monkeypatch: pytest.MonkeyPatch, how: dict[str, Any]) -> None:
    found = search(monkeypatch, Simulation(3000.0), **how)
    assert found.bounded
    assert found.rate is not None
    assert 3000 / 1.2 < found.rate <= 3000 * 1.15


def test_a_latency_that_is_too_long_ends_it_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    def capacity(**how: Any) -> float:
        return search(monkeypatch, Simulation(3000.0), verify="out", **how).rate or 0.0

    assert capacity(slo=1.0) <= 3000 < capacity()


def test_replicas_are_told_and_reckoned_with(monkeypatch: pytest.MonkeyPatch) -> None:
    found = search(monkeypatch, Simulation(3000.0), status=STATUS, target=30_000.0)
    assert found.replicas == 2
    assert found.rate is not None
    assert found.target_replicas == pytest.approx(30_000 * 1.3 / found.rate * 2, abs=1)


def test_the_replicas_that_a_rate_needs_are_told_by_those_that_made_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Simulation(3000.0)
    turn = pool.turn

    def turn_until_one_dies() -> None:
        handled = pool.watch.handled
        turn()
        if pool.rate > 2000:
            pool.watch.replicas, pool.watch.handled = 1, handled  # and its partitions go to the other

    monkeypatch.setattr(pool, "turn", turn_until_one_dies)
    found = search(monkeypatch, pool, status=STATUS, verify="out", target=20_000.0)
    assert (found.rate, found.replicas, found.target_replicas) == (2000, 2, 26)
    assert found.tried[-1].kept_up is None
    assert any("not every supervisor answers" in note and "the search ends" in note for note in pool.notes)


def test_one_status_that_does_not_come_voids_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Simulation(3000.0)
    turn = pool.turn

    def turn_with_misses() -> None:
        handled = pool.watch.handled
        turn()
        if int(pool.now) % 4 == 3:
            pool.watch.replicas, pool.watch.handled = 1, handled
        else:
            pool.watch.replicas = 2

    monkeypatch.setattr(pool, "turn", turn_with_misses)
    found = search(monkeypatch, pool, status=STATUS, verify="out")
    assert {tried.kept_up for tried in found.tried} == {True, False}


def test_without_a_status_replicas_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    found = search(monkeypatch, Simulation(3000.0), verify="out", target=30_000.0)
    assert (found.replicas, found.target_replicas) == (None, None)
    assert found.rate is not None
    assert found.target_partitions == pytest.approx(30_000 * 1.3 / found.rate * PARTITIONS, abs=1)


def test_what_the_generator_cannot_do_is_no_limit_of_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    found = search(monkeypatch, Simulation(50_000.0, generator=10_000.0), status=STATUS)
    assert found.rate is not None
    assert 10_000 / 1.2 < found.rate <= 10_000 * 1.02
    assert not found.bounded
    assert {tried.kept_up for tried in found.tried} == {True, None}
    assert "generator is" in found.tried[-1].why + found.tried[-2].why


def test_where_the_generator_gives_out_below_what_the_pool_could_not_do_more_may_be_possible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = Simulation(5000.0)
    begin = pool.begin

    def begin_slowly(rate: float, hold: float) -> None:
        pool.generator = 1e9 if rate in (1000, 2000, 4000, 8000) else 100.0
        begin(rate, hold)

    monkeypatch.setattr(pool, "begin", begin_slowly)
    found = search(monkeypatch, pool, status=STATUS)
    assert found.rate == 4000
    assert {tried.kept_up for tried in found.tried} == {True, False, None}
    assert not found.bounded


def test_a_pool_that_loses_some_is_searched_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Simulation(3000.0, lost=0.03)
    found = search(monkeypatch, pool, verify="out")
    assert found.rate is not None
    assert 3000 / 1.2 < found.rate <= 3000 * 1.15
    assert not [note for note in pool.notes if "not gone" in note]


@pytest.mark.parametrize("told", [0, 3])
def test_a_status_that_leaves_out_partitions_is_refused(monkeypatch: pytest.MonkeyPatch, told: int) -> None:
    with pytest.raises(LoadRefused, match=rf"tells of {told} of the 4 partitions of in"):
        search(monkeypatch, Simulation(3000.0, told=told), status=STATUS)


def test_a_pool_that_falls_silent_has_not_kept_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Simulation(3000.0, dead_from=12.0)
    found = search(monkeypatch, pool, status=STATUS)
    assert (found.rate, found.bounded) == (1000.0, False)
    assert "not every supervisor answers" in found.tried[-1].why
    assert "not every supervisor answers at --status after 60 s" in pool.notes[-1]


def test_ctrl_c_ends_it_with_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Simulation(50_000.0, interrupted_at=25.0)
    found = search(monkeypatch, pool, status=STATUS)
    assert [(tried.rate, tried.kept_up) for tried in found.tried] == [(1000, True), (2000, True), (4000, None)]
    assert (found.rate, found.bounded) == (2000.0, False)


def test_ctrl_c_is_not_kept_waiting_by_the_patience_for_latencies(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Simulation(50_000.0, interrupted_at=5.0)
    found = search(monkeypatch, pool, verify="out", slo=60_000.0)
    assert [tried.why for tried in found.tried] == ["interrupted"]
    assert pool.now < 6.0


def test_a_second_ctrl_c_gives_up_what_no_broker_acknowledges(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Simulation(50_000.0, interrupted_at=5.0, again_at=7.0, acknowledged=False)
    found = search(monkeypatch, pool, status=STATUS)
    assert [tried.why for tried in found.tried] == ["interrupted"]
    assert 7.0 < pool.now < 8.0


def test_a_fatal_error_ends_it_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Simulation(50_000.0, fatal_at=15.0)
    found = search(monkeypatch, pool, status=STATUS)
    assert [(tried.rate, tried.kept_up) for tried in found.tried] == [(1000, True), (2000, None)]
    assert found.tried[-1].why == "made up"
    assert pool.now < 16.0


@pytest.mark.parametrize(
    ("pool", "most"),
    [
        (Simulation(3000.0, twice=1.0), 1500.0),
        (Simulation(3000.0, others=1000.0), 2000.0),
    ],
    ids=["records that are sent twice", "records of others"],
)
def test_lag_grows_by_whatever_is_written(monkeypatch: pytest.MonkeyPatch, pool: Simulation, most: float) -> None:
    found = search(monkeypatch, pool, status=STATUS, duplicate=pool.twice)
    assert found.rate is not None
    assert most / 1.2 < found.rate <= most * 1.15


def test_results_that_come_in_the_time_that_they_are_given_are_in_the_p99(monkeypatch: pytest.MonkeyPatch) -> None:
    found = search(monkeypatch, Simulation(50_000.0, last=0.9), verify="out", slo=500.0)
    assert (found.rate, found.bounded) == (None, True)
    assert found.tried[0].why.endswith("passes 500 ms")
