"""A seed gives its plan: the same each time, with every kind of fault in turn."""

from tests.faults.plan import LONGEST, Fault, plan


def test_a_seed_gives_the_same_plan() -> None:
    assert plan(3, list(Fault), duration=300, every=5) == plan(3, list(Fault), duration=300, every=5)
    assert plan(3, list(Fault), duration=300, every=5) != plan(4, list(Fault), duration=300, every=5)


def test_each_kind_comes_once_before_any_comes_again() -> None:
    planned = [one.fault for one in plan(5, list(Fault), duration=600, every=5)]
    kinds = len(Fault)
    assert len(planned) > 3 * kinds
    assert all(set(planned[first : first + kinds]) == set(Fault) for first in range(0, 3 * kinds, kinds))


def test_times_rise_and_durations_are_bounded() -> None:
    planned = plan(6, list(Fault), duration=300, every=5)
    times = [one.at for one in planned]
    assert times == sorted(times)
    assert times[-1] < 300
    assert all(one.seconds <= LONGEST.get(one.fault, 0.0) for one in planned)
