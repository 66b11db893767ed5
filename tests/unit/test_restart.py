"""A first death costs nothing; what keeps dying waits ever longer, up to a bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.restart import RestartPolicy

POLICY = RestartPolicy(first=0.25, longest=30.0, settled=30.0)


@pytest.mark.parametrize(("before", "lived", "deaths"), [(0, 0.1, 1), (1, 0.1, 2), (7, 29.9, 8), (7, 30.0, 1)])
def test_deaths_in_a_row(before: int, lived: float, deaths: int) -> None:
    assert POLICY.deaths_in_row(before, lived) == deaths


@pytest.mark.parametrize(
    ("deaths", "least", "most"), [(0, 0, 0), (1, 0, 0), (2, 0.125, 0.25), (3, 0.25, 0.5), (9, 15, 30), (500, 15, 30)]
)
def test_delay(deaths: int, least: float, most: float) -> None:
    assert POLICY.delay(deaths, lambda: 0.0) == least
    assert POLICY.delay(deaths, lambda: 1.0) == most


@given(st.integers(0, 10_000))
def test_no_delay_exceeds_the_longest(deaths: int) -> None:
    assert 0 <= POLICY.delay(deaths) <= POLICY.longest


def test_another_record_begins_a_new_row() -> None:
    assert POLICY.deaths_in_row(7, 0.1, got_on=True) == 1
