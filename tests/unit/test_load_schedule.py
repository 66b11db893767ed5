"""A schedule is a function of time alone."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.schedule import Steady, Unlimited


@pytest.mark.parametrize(("rate", "elapsed", "due"), [(10, 0.0, 0), (10, 0.3, 3), (10, 0.39, 3), (1000, 60.0, 60_000)])
def test_a_steady_rate(rate: float, elapsed: float, due: int) -> None:
    assert Steady(rate).due(elapsed) == due


@given(st.floats(0.1, 1e6), st.integers(0, 10**6))
def test_a_record_is_due_when_its_time_has_come(rate: float, number: int) -> None:
    schedule = Steady(rate)
    assert schedule.due(schedule.at(number)) == number + 1


def test_without_a_rate_everything_is_due_at_once() -> None:
    assert Unlimited().due(0.0) == sys.maxsize
    assert Unlimited().at(10**9) == 0.0
