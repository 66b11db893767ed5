"""What the pool is asked while it is loaded: how many records it handled, through rebalances and restarts."""

import pytest

from supervisor import load_watch
from supervisor.load_watch import PoolWatch
from supervisor.status import PartitionStatus, PoolStatus
from supervisor.status_client import StatusUnavailable


class Pool:
    """Supervisors and the records that each has handled of its partitions; None: it does not answer."""

    def __init__(self) -> None:
        self.statuses: dict[str, dict[int, int] | None] = {"a": {0: 100, 1: 100}, "b": {2: 100, 3: 100}}

    def fetch(self, url: str, _timeout: float) -> PoolStatus:
        if (told := self.statuses[url]) is None:
            raise StatusUnavailable(url)
        places = [
            PartitionStatus(topic=topic, partition=number, state="running", records=records)
            for number, records in told.items()
            for topic in ("in", "other")
        ]
        return PoolStatus(state="running", group="g", protocol="classic", uptime_s=1.0, partitions=places)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    pool = Pool()
    monkeypatch.setattr(load_watch, "fetch_status", pool.fetch)
    monkeypatch.setattr(load_watch, "_LOOK_SECONDS", 60.0)  # the tests look
    return pool


def handled(watch: PoolWatch) -> int | None:
    watch._look()
    return None if watch.handled is None else watch.handled[1]


def test_what_was_handled_counts_from_the_first_look(pool: Pool) -> None:
    with PoolWatch(["a", "b"], "in") as watch:
        assert handled(watch) == 0
        pool.statuses["a"] = {0: 150, 1: 150}
        assert handled(watch) == 100


def test_a_partition_that_moves_takes_nothing_away(pool: Pool) -> None:
    with PoolWatch(["a", "b"], "in") as watch:
        pool.statuses = {"a": {0: 150}, "b": {1: 30, 2: 100, 3: 100}}
        assert handled(watch) == 80
        pool.statuses = {"a": {0: 150, 1: 120}, "b": {2: 100, 3: 100}}  # and back
        assert handled(watch) == 100


def test_a_supervisor_that_begins_anew_counts_from_0(pool: Pool) -> None:
    with PoolWatch(["a", "b"], "in") as watch:
        pool.statuses["b"] = {2: 7, 3: 0}
        assert handled(watch) == 7


def test_while_one_does_not_answer_nothing_new_is_told(pool: Pool) -> None:
    with PoolWatch(["a", "b"], "in") as watch:
        pool.statuses = {"a": {0: 200, 1: 100}, "b": None}
        before = watch.handled
        watch._look()
        assert watch.handled == before
        pool.statuses["b"] = {2: 100, 3: 150}
        assert handled(watch) == 150


def test_lag_is_told_while_it_is_known_of_all_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    lags: dict[str, dict[int, int | None] | None] = {"a": {0: 3, 1: 7}, "b": {2: 50_000}}

    def fetch(url: str, _timeout: float) -> PoolStatus:
        if (told := lags[url]) is None:
            raise StatusUnavailable(url)
        places = [PartitionStatus(topic="in", partition=n, state="running", lag=lag) for n, lag in told.items()]
        return PoolStatus(state="running", group="g", protocol="classic", uptime_s=1.0, partitions=places)

    monkeypatch.setattr(load_watch, "fetch_status", fetch)
    monkeypatch.setattr(load_watch, "_LOOK_SECONDS", 60.0)

    def lag() -> int | None:
        watch._look()
        return watch.lag

    with PoolWatch(["a", "b"], "in") as watch:
        assert lag() == 50_010
        lags["b"] = None  # no answer
        assert lag() is None
        lags["b"] = {}  # on its way
        assert lag() is None
        lags["a"] = {0: 3, 1: 7, 2: None}  # being resolved
        assert lag() is None
        lags["a"] = {0: 3, 1: 7, 2: 49_000}
        assert lag() == 49_010
        lags["b"] = {2: 48_000}  # asked after it had moved back
        assert lag() == 48_010


def test_what_waits_is_told_by_positions_not_by_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [
        PartitionStatus(topic="in", partition=0, state="running", position=70, committed=20, end=100),
        PartitionStatus(topic="in", partition=1, state="running", position=101, committed=20, end=100),
        PartitionStatus(topic="in", partition=2, state="starting", end=100),
        PartitionStatus(topic="other", partition=0, state="running", position=0, end=100),
    ]
    status = PoolStatus(state="running", group="g", protocol="classic", uptime_s=1.0, partitions=places)
    monkeypatch.setattr(load_watch, "fetch_status", lambda _url, _timeout: status)
    with PoolWatch(["a"], "in") as watch:
        told = [watch.waiting]  # of the one that starts nothing is known
        places[2] = PartitionStatus(topic="in", partition=2, state="running", position=99, end=100)
        told.append(watch.waiting)
    assert told == [None, 31]
    assert PoolWatch([], "in").waiting is None


def test_without_a_supervisor_nobody_tells() -> None:
    with PoolWatch([], "in") as watch:
        assert watch.handled is None
