"""Where workers commit: what proves membership, and that a fenced worker's partition asks for such a proof."""

from concurrent.futures import Future
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from supervisor.lease import Lease
from supervisor.membership import Identity
from supervisor.membership_check import MOST_ASKED, PATIENCE_SECONDS, RETRY_SECONDS, MembershipCheck
from supervisor.states import PartitionState
from supervisor.worker_commits import WorkerCommits
from tests.unit.supervisor_parts import A, Clock, Stage, partition
from workers.slot import COMMITTABLE, PROVED

MEMBER = Identity("me", 3)


class Asked:
    """Notes whether a proof is wanted."""

    wanted = False

    def turn(self, *, wanted: bool) -> None:
        self.wanted = wanted


class Described:
    """A group of these members, or an error."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    @property
    def members(self) -> list[Any]:
        return [type("Member", (), {"member_id": name}) for name in self._answer]

    def describe_consumer_groups(self, groups: list[str], **_: Any) -> dict[str, Future[Any]]:
        future: Future[Any] = Future()
        if isinstance(self._answer, Exception):
            future.set_exception(self._answer)
        else:
            future.set_result(self)
        return {groups[0]: future}


class Silent:
    """A group whose coordinator is away."""

    def __init__(self) -> None:
        self.asked: list[Future[Any]] = []

    def describe_consumer_groups(self, groups: list[str], **_: Any) -> dict[str, Future[Any]]:
        self.asked.append(Future())
        return {groups[0]: self.asked[-1]}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, "pool", "deaths", "process", "partition", "lease", "membership_check")


def test_a_workers_transaction_proves_membership(clock: Clock) -> None:
    stage, lease = Stage(), Lease(2.0, by_commit=True)
    stage.assign({A: 5})
    words = stage.table[stage.forks.jobs[0].slot]
    commits = WorkerCommits(stage.pool.partitions, lease, Asked())
    commits.turn()
    assert not lease.held()
    words[COMMITTABLE], words[PROVED] = 9, int((clock.now - 0.5) * 1e9)
    commits.turn()
    assert lease.proved_at == clock.now - 0.5
    assert stage.pool.partitions[A].committed == 9
    stage.close()


def test_a_fenced_partition_wants_a_proof() -> None:
    fenced, asked = partition(A, 5), Asked()
    commits = WorkerCommits({A: fenced}, Lease(2.0, by_commit=False), asked)
    commits.turn()
    assert not asked.wanted
    fenced.become(PartitionState.STARTING)
    fenced.become(PartitionState.FENCED)
    commits.turn()
    assert asked.wanted


def ask(answer: Any, lease: Lease, identity: Identity = MEMBER) -> Any:
    check = MembershipCheck(cast("AdminClient", Described(answer)), "group", lambda: identity, lease)
    check.turn(wanted=True)
    check.turn(wanted=True)
    return check


def test_a_member_is_proved_from_when_it_was_asked(clock: Clock) -> None:
    lease = Lease(2.0, by_commit=True)
    ask(["other", "me"], lease)
    assert lease.proved_at == clock.now


@pytest.mark.parametrize("answer", [["other"], KafkaException(KafkaError(KafkaError._TIMED_OUT))])
def test_without_an_answer_or_a_place_it_is_asked_again(clock: Clock, answer: Any) -> None:
    lease = Lease(2.0, by_commit=True)
    check = ask(answer, lease)
    assert lease.proved_at == 0
    check._admin = Described(["me"])
    check.turn(wanted=True)
    check.turn(wanted=True)
    assert lease.proved_at == 0, "not at once"
    clock.passes(RETRY_SECONDS)
    check.turn(wanted=True)
    check.turn(wanted=True)
    assert lease.proved_at == clock.now


def test_a_coordinator_that_is_away_is_asked_now_and_then_and_its_late_answers_count(clock: Clock) -> None:
    lease, group = Lease(2.0, by_commit=True), Silent()
    check = MembershipCheck(cast("AdminClient", group), "group", lambda: MEMBER, lease)
    for _ in range(3 * MOST_ASKED):
        check.turn(wanted=True)
        clock.passes(PATIENCE_SECONDS / 2)
    assert len(group.asked) == MOST_ASKED
    last = clock.now
    group.asked[-1].set_result(Described(["me"]))
    check.turn(wanted=True)
    assert last - 10 * PATIENCE_SECONDS < lease.proved_at < last


def test_who_has_not_joined_does_not_ask(clock: Clock) -> None:
    lease = Lease(2.0, by_commit=True)
    ask(["me"], lease, Identity("me", 0))
    assert lease.proved_at == 0
