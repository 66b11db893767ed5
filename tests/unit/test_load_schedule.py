"""A schedule is a function of time alone."""

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.schedule import Pieces, Ramp, Recorded, Schedule, Share, Steady, Unlimited, bursts, steps


@pytest.mark.parametrize(("rate", "elapsed", "due"), [(10, 0.0, 0), (10, 0.3, 3), (10, 0.39, 3), (1000, 60.0, 60_000)])
def test_a_steady_rate(rate: float, elapsed: float, due: int) -> None:
    assert Steady(rate).due(elapsed) == due


PROFILES = [
    Ramp(0, 1000, 10),
    Ramp(1000, 10, 5),
    Ramp(50, 50, 5),
    steps(100, 500, 5, 2),
    steps(0, 500, 3, 2),
    steps(100, 500, 1, 2),
    bursts(10, 1000, 1, 5),
    bursts(0, 300, 0.5, 2),
    Recorded([n * n / 10 for n in range(500)], 2.0),
    Recorded([n * n / 10 for n in range(7)], 3.0),
    Recorded([0.0]),
]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: type(profile).__name__)
def test_a_record_is_due_when_its_time_has_come_and_not_before(profile: Schedule) -> None:
    last = 0.0
    for number in range(400):
        moment = profile.at(number)
        assert moment >= last
        assert profile.due(moment + 1e-6) >= number + 1
        if moment > 0.01:
            assert profile.due(moment - 0.005) <= number + 0.005 * profile.peak
        last = moment


def test_a_ramp_climbs_and_stays() -> None:
    ramp = Ramp(0, 100, 10)
    assert (ramp.due(5), ramp.due(10), ramp.due(11)) == (125, 500, 600)


def test_steps_are_equal_and_the_last_goes_on() -> None:
    staircase = steps(100, 300, 3, 10)
    assert [staircase.due(t) for t in (10, 20, 30, 31)] == [1000, 3000, 6000, 6300]


def test_bursts_come_again() -> None:
    profile = bursts(10, 1000, 1, 5)
    assert [profile.due(t) for t in (4, 5, 9, 10)] == [40, 1040, 1080, 2080]
    assert profile.at(2079) == pytest.approx(10)


def test_a_recording_keeps_its_gaps_and_begins_again() -> None:
    recorded = Recorded([100.0, 100.5, 104.5], speed=2.0)
    assert [recorded.at(number) for number in range(7)] == [0.0, 0.25, 2.25, 3.375, 3.625, 5.625, 6.75]
    assert [recorded.due(t) for t in (0, 1, 2.25, 3.3, 3.375, 6.7)] == [1, 2, 3, 3, 4, 6]


def piece_of(pieces: Pieces, count: float) -> int:
    """Which piece a record is in, by a look at each."""
    return max(0, sum(begun < count - 1e-6 for begun in pieces._counts) - 1)


@given(
    st.lists(st.tuples(st.integers(0, 50) | st.floats(0, 50), st.sampled_from([0.1, 0.5, 1.0, 3.0])), max_size=20),
    st.booleans(),
    st.integers(0, 2000),
)
def test_a_record_is_in_the_piece_that_a_look_at_each_finds(
    given: list[tuple[float, float]], again: bool, number: int
) -> None:
    pieces = Pieces([*given, (10.0, 1.0)], again=again)
    rounds, count = divmod(number + 1.0, pieces._count) if again else (0, number + 1.0)
    if rounds and count < 1e-6:
        rounds, count = rounds - 1, pieces._count
    piece = piece_of(pieces, count)
    rate = pieces._rates[piece]
    begun = rounds * pieces._seconds + pieces._begins[piece]
    assert pieces.at(number) == (begun + (count - pieces._counts[piece]) / rate if rate else math.inf)


def test_many_steps_cost_a_record_little() -> None:
    """A look at each of them takes a hundred times as long."""

    class Compared(float):
        looks = 0

        def __lt__(self, other: float) -> bool:
            Compared.looks += 1
            return float(self) < other

    staircase = steps(100, 500, 1000, 2)
    staircase._counts = [Compared(count) for count in staircase._counts]
    staircase.at(300_000)
    assert 0 < Compared.looks <= 10


@pytest.mark.parametrize("times", [[7.0], [7.0, 7.0]])
def test_a_recording_of_one_moment_begins_again_too(times: list[float]) -> None:
    assert Recorded(times).due(1.0) <= 1001 * len(times)
    assert 0.9 < Recorded(times).at(1000 * len(times)) < 1.1


@given(st.floats(0.1, 1e6), st.integers(0, 10**6))
def test_a_steady_record_is_due_when_its_time_has_come(rate: float, number: int) -> None:
    schedule = Steady(rate)
    assert schedule.due(schedule.at(number)) == number + 1


@given(st.integers(1, 7), st.floats(0, 20))
def test_the_shares_of_all_processes_are_the_whole(of: int, elapsed: float) -> None:
    whole = Steady(1000)
    assert sum(Share(whole, first, of).due(elapsed) for first in range(of)) == whole.due(elapsed)
    assert Share(whole, 0, of).at(3) == whole.at(3 * of)


def test_without_a_rate_everything_is_due_at_once() -> None:
    assert Unlimited().due(0.0) == sys.maxsize
    assert Unlimited().at(10**9) == 0.0
