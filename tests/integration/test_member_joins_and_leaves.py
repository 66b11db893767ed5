"""A second supervisor joins and leaves under load: nothing is missing, and what is not moved never pauses."""

import time
from collections.abc import Callable

import pytest

from tests.support.figures import Figures
from tests.support.pool import PROTOCOLS, Pool
from tests.support.readings import Results
from tests.support.rounds import Round, join_and_leave
from tests.support.scene import Scene

pytestmark = pytest.mark.alone

RATE = 4000
ROUNDS = 5
BASELINES = 3
PAUSE = 0.2
"""Seconds without a record that are no gap, at most."""
LONGEST_PAUSE = 0.5
"""The same, once in all rounds."""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_five_joins_and_leaves_under_load(
    scene: Scene, make_scene: Callable[[], Scene], protocol: str, figure: Figures
) -> None:
    first = scene.pool(protocol=protocol).wait_running()
    elsewhere = make_scene()
    with scene.stream(rate=RATE) as stream:
        baselines = [_come_and_go(elsewhere, first, protocol) for _ in range(BASELINES)]
        rounds = [join_and_leave(first, lambda: scene.pool(protocol=protocol)) for _ in range(ROUNDS)]
        sent = stream.stop()
    results = scene.wait_done()
    assert results.missing(sent) == set()
    assert results.disordered() == []
    assert results.repeated == [], "a move between supervisors that both live repeats nothing"
    # On a machine of two cores a process that starts is felt by all; it is so without a rebalance, too.
    without = [_longest_gap(results, one) for one in baselines]
    gaps = [_longest_gap(results, one) for one in rounds]
    figure("records sent, missing, repeated, disordered", f"{sent:,}, 0, 0, 0")
    figure("gaps of unmoved partitions, joins and leaves, s", ", ".join(f"{gap:.3f}" for gap in gaps))
    figure("… the same without a rebalance, s", ", ".join(f"{gap:.3f}" for gap in without))
    # What a rebalance does, it does each time; the machine stands still for as long now and then, without one, too.
    *_, second, longest = sorted(gaps)
    assert second < max(PAUSE, 2 * max(without))
    assert longest < LONGEST_PAUSE


def _longest_gap(results: Results, one: Round) -> float:
    return max(results.longest_gap(partition, one.began, one.ended) for partition in one.kept)


def _come_and_go(elsewhere: Scene, first: Pool, protocol: str) -> Round:
    """The same as `join_and_leave`, in another group: nothing is rebalanced here."""
    began = time.monotonic()
    other = elsewhere.pool(protocol=protocol).wait_running(4)
    parting = time.monotonic()
    assert other.terminate() == 0
    return Round(frozenset(first.workers()), began, parting, time.monotonic())
