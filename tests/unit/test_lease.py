"""A lease never outlasts the last proof of membership by more than it may."""

import pytest

from supervisor.lease import Lease
from tests.unit.supervisor_parts import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, "lease")


@pytest.mark.parametrize("by_commit", [False, True])
def test_nothing_but_a_proof_begins_it(clock: Clock, *, by_commit: bool) -> None:
    lease = Lease(10.0, by_commit=by_commit)
    lease.turn()
    assert not lease.held()
    assert lease.deadline_ns == 0
    lease.proved(clock.now)
    assert lease.held()


def test_it_counts_from_when_the_proof_was_sent(clock: Clock) -> None:
    lease = Lease(10.0, by_commit=True)
    sent = clock.now
    clock.passes(9.0)
    lease.proved(sent)
    assert lease.deadline_ns == (sent + 10) * 1e9
    clock.passes(1.0)
    assert not lease.held()


def test_in_the_classic_protocol_turns_extend_it(clock: Clock) -> None:
    lease = Lease(10.0, by_commit=False)
    lease.proved(clock.now)
    for _ in range(5):
        clock.passes(9.0)
        lease.turn()
    assert lease.held()


def test_with_kip_848_turns_do_not(clock: Clock) -> None:
    lease = Lease(10.0, by_commit=True)
    lease.proved(clock.now)
    clock.passes(9.0)
    lease.turn()
    clock.passes(1.0)
    assert not lease.held()


def test_after_a_freeze_only_a_proof_revives_it(clock: Clock) -> None:
    lease = Lease(10.0, by_commit=False)
    lease.proved(clock.now)
    clock.passes(10.0)
    lease.turn()
    assert not lease.held()
    assert lease.wants_proof()
    lease.proved(clock.now)
    assert lease.held()


def test_what_was_sent_before_the_loss_proves_nothing(clock: Clock) -> None:
    lease = Lease(10.0, by_commit=False)
    sent = clock.now
    clock.passes(1.0)
    lease.lost()
    lease.proved(sent)
    assert not lease.held()
    clock.passes(1.0)
    lease.proved(clock.now)
    assert lease.held()


def test_an_older_proof_does_not_shorten_it(clock: Clock) -> None:
    lease = Lease(10.0, by_commit=True)
    lease.proved(clock.now)
    lease.proved(clock.now - 5)
    assert lease.deadline_ns == (clock.now + 10) * 1e9


@pytest.mark.parametrize(("by_commit", "passed", "wants"), [(True, 4.9, False), (True, 5.1, True), (False, 9.0, False)])
def test_it_asks_for_a_proof_well_before_its_end(clock: Clock, passed: float, *, by_commit: bool, wants: bool) -> None:
    lease = Lease(15.0, by_commit=by_commit)
    lease.proved(clock.now)
    clock.passes(passed)
    assert lease.wants_proof() is wants
