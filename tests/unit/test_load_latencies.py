"""Percentiles in a fixed amount of memory."""

import pytest

from supervisor.latencies import Latencies, milliseconds


def test_percentiles_are_right_within_a_thousandth() -> None:
    latencies = Latencies()
    for thousandths in range(1, 1001):
        latencies.add(thousandths / 1000)
    assert latencies.count == 1000
    for share in (0.01, 0.5, 0.9, 0.99, 1.0):
        assert latencies.percentile(share) == pytest.approx(share, rel=0.001)


def test_they_survive_the_way_to_another_process_and_add_up() -> None:
    one, whole = Latencies(), Latencies()
    for thousandths in range(1, 501):
        one.add(thousandths / 1000)
    whole.add(0.9, count=500)
    whole.merge(Latencies.restore(dict(one.buckets), one.longest))
    assert (whole.count, whole.longest) == (1000, 0.9)
    assert whole.percentile(0.25) == pytest.approx(0.25, rel=0.001)
    assert whole.percentile(0.75) == pytest.approx(0.9, rel=0.001)


def test_what_is_taken_is_gone() -> None:
    latencies = Latencies()
    latencies.add(0.1)
    assert latencies.take().count == 1
    assert (latencies.count, latencies.percentile(0.5), latencies.longest) == (0, None, 0.0)


@pytest.mark.parametrize("seconds", [0.000001, 0.0500001, 1.2340001, 1.2345678])
def test_no_percentile_is_above_the_longest(seconds: float) -> None:
    latencies = Latencies()
    latencies.add(seconds)
    assert (latencies.percentile(0.999) or 1e9) <= latencies.longest == seconds


def test_nothing_has_no_percentile() -> None:
    assert Latencies().percentile(0.5) is None


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e-9, 1e9])
def test_what_lies_outside_is_counted_all_the_same(seconds: float) -> None:
    latencies = Latencies()
    latencies.add(seconds)
    assert latencies.percentile(0.5) is not None


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (0.0031, "3.1 ms"), (0.0999, "99.9 ms"), (1.2344, "1,234 ms")]
)
def test_durations_read_well(seconds: float | None, text: str) -> None:
    assert milliseconds(seconds) == text
