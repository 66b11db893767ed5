"""A rolling update and pods that die lose nothing; how long partitions pause for it, and how often they move."""

import random
import statistics
import time
from itertools import pairwise
from typing import Any

import pytest

from tests.k8s.cluster.conftest import MakeStage
from tests.k8s.cluster.stage import PODS, Stage
from tests.support.readings import NS, Results

PARTITIONS = 12
PODS_AND_PARTITIONS = 6
RATE = 240
PATIENCE = 60.0
"""Seconds that no partition may pause; a static member that does not come back would hold its own for so long."""
STRATEGIES: dict[str, dict[str, Any]] = {
    "surge": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
    "unavailable": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
    "recreate": {"type": "Recreate"},
}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_rolling_update_loses_nothing(make_stage: MakeStage, strategy: str) -> None:
    stage = make_stage(PARTITIONS)
    change = {"op": "replace", "path": "/spec/strategy", "value": STRATEGIES[strategy]}
    stage.deploy(app=PODS, replicas=3, patches=[("Deployment", [change])])
    _roll(stage, "deployment/pool", strategy)


@pytest.mark.parametrize("strategy", ["surge", "unavailable"])
def test_as_many_pods_as_partitions(make_stage: MakeStage, strategy: str) -> None:
    stage = make_stage(PODS_AND_PARTITIONS)
    change = {"op": "replace", "path": "/spec/strategy", "value": STRATEGIES[strategy]}
    stage.deploy(app=PODS, replicas=PODS_AND_PARTITIONS, patches=[("Deployment", [change])])
    moves = _roll(stage, "deployment/pool", strategy)
    if strategy == "surge":
        assert moves < 2 * PODS_AND_PARTITIONS, "partitions go to pods that are about to go"


def test_a_static_members_update_moves_nothing(make_stage: MakeStage) -> None:
    stage = make_stage(PARTITIONS)
    stage.deploy("static-membership", app=PODS, replicas=3)
    _roll(stage, "statefulset/pool", "static (its moves are new workers in the same place)")
    for pod in stage.namespace.ready():
        events = [event["event"] for event in stage.namespace.logs(pod)]
        assert events.count("partitions_assigned") == 1
        assert "partitions_revoked" not in events


def _roll(stage: Stage, workload: str, strategy: str) -> int:
    """Restart all pods under load; how often a partition moved."""
    stage.namespace.wait_for(stage.namespace.ready, 60, "pods")
    pods, partitions = len(stage.namespace.pods()), range(stage.partitions)
    stage.namespace.wait_ready(pods)
    with stage.stream(rate=RATE) as stream:
        stream.wait_sent(RATE * 5)
        began = time.monotonic()
        stage.namespace.kubectl("rollout", "restart", workload)
        stage.namespace.kubectl("rollout", "status", workload, "--timeout", "280s")
        took = time.monotonic() - began
        stage.namespace.wait_ready(pods)
        stream.wait_sent(stream.sent + RATE * 10)
        sent = stream.stop()
    results = stage.wait_done()
    pauses = [results.longest_gap(number, since=began) for number in partitions]
    moves = sum(_moves(results, number, began) for number in partitions)
    print(
        f"\n{strategy}, {pods} pods: {took:.0f} s, {moves} moves of {len(partitions)} partitions, longest pause"
        f" {max(pauses):.2f} s, median of the partitions' {statistics.median(pauses):.2f} s;"
        f" {len(results.repeated)} of {sent} repeated"
    )
    assert results.missing(sent) == set()
    assert results.disordered() == []
    assert max(pauses) < PATIENCE
    return moves


def _moves(results: Results, partition: int, since: float) -> int:
    """How often a partition got another worker."""
    workers = [
        seen.pid
        for seen in sorted(results.seen, key=lambda seen: seen.at)
        if seen.partition == partition and seen.at > since * NS
    ]
    return sum(before != after for before, after in pairwise(workers))


def test_pods_that_are_killed_lose_nothing(make_stage: MakeStage) -> None:
    stage = make_stage(PARTITIONS)
    stage.deploy(app=PODS, replicas=3)
    stage.namespace.wait_ready(3)
    choice = random.Random(1)
    with stage.stream(rate=RATE) as stream:
        stream.wait_sent(RATE * 3)
        for force in (True, False, True, True):
            pod = choice.choice(stage.namespace.ready())
            stage.namespace.kubectl("delete", "pod", pod, *(["--grace-period=0", "--force"] if force else []))
            stream.wait_sent(stream.sent + RATE * 4)
            stage.namespace.wait_ready(3)
        sent = stream.stop()
    results = stage.wait_done()
    gaps = [results.longest_gap(number) for number in range(PARTITIONS)]
    print(f"\n{sent} records, {len(results.repeated)} repeated; longest pause {max(gaps):.1f} s")
    assert results.missing(sent) == set()
    assert results.disordered() == []
