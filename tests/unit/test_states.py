"""States follow each other as the diagram says, and in no other way."""

import itertools

import pytest

from supervisor.states import IllegalTransition, PartitionState, SupervisorState

P, S = PartitionState, SupervisorState

LIVES = [
    [P.RESOLVING, P.WAITING, P.STARTING, P.RUNNING, P.DRAINING, P.STOPPED],
    [P.RESOLVING, P.WAITING, P.STARTING, P.BACKING_OFF, P.WAITING],
    [P.RUNNING, P.BACKING_OFF, P.STOPPED],
    [P.RUNNING, P.RESOLVING],
    [P.RUNNING, P.RECYCLING, P.WAITING, P.STARTING],
    [P.RUNNING, P.RECYCLING, P.BACKING_OFF],
    [P.RUNNING, P.RECYCLING, P.DRAINING, P.STOPPED],
    [P.STARTING, P.FENCED, P.WAITING],
    [P.RUNNING, P.FENCED, P.STOPPED],
    [P.RECYCLING, P.FENCED],
    [P.RESOLVING, P.STOPPED],
    [P.STARTING, P.DRAINING],
]


@pytest.mark.parametrize("life", LIVES)
def test_a_life_of_a_partition(life: list[PartitionState]) -> None:
    for before, after in itertools.pairwise(life):
        assert before.to(after) is after


@pytest.mark.parametrize("state", [state for state in P if state is not P.LOST])
def test_a_partition_can_be_lost_at_any_time(state: PartitionState) -> None:
    assert state.to(P.LOST) is P.LOST


@pytest.mark.parametrize("state", P)
def test_what_is_lost_stays_so(state: PartitionState) -> None:
    with pytest.raises(IllegalTransition):
        P.LOST.to(state)


@pytest.mark.parametrize(
    ("before", "after"), [(P.STOPPED, P.WAITING), (P.DRAINING, P.RUNNING), (P.RESOLVING, P.STARTING)]
)
def test_no_way_back(before: PartitionState, after: PartitionState) -> None:
    with pytest.raises(IllegalTransition, match=f"from {before} to {after}"):
        before.to(after)


def test_a_life_of_a_supervisor() -> None:
    life = [S.STARTING, S.JOINING, S.RUNNING, S.JOINING, S.RUNNING, S.DRAINING, S.STOPPED]
    for before, after in itertools.pairwise(life):
        assert before.to(after) is after


@pytest.mark.parametrize("state", S)
def test_a_supervisor_that_has_stopped_stays_so(state: SupervisorState) -> None:
    with pytest.raises(IllegalTransition):
        S.STOPPED.to(state)
