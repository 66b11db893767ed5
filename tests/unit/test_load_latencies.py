"""Percentiles in a fixed amount of memory."""

import pytest

from supervisor.latencies import Latencies, milliseconds


def test_percentiles_are_right_within_a_hundredth() -> None:
    latencies = Latencies()
    for thousandths in range(1, 1001):
        latencies.add(thousandths / 1000)
    assert latencies.count == 1000
    for share in (0.01, 0.5, 0.9, 0.99, 1.0):
        assert latencies.percentile(share) == pytest.approx(share, rel=0.011)


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
