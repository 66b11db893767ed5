"""KEDA takes the pool from one pod to one for each partition and back, with nothing lost or out of order."""

import time

from tests.k8s.cluster.conftest import MakeStage
from tests.k8s.cluster.namespace import Replicas
from tests.k8s.cluster.stage import SCRIPTED, Patch
from tests.support.readings import reading

PARTITIONS = 12
RECORDS = 12 * 130
SECONDS = 0.5
QUICKLY: Patch = [
    {
        "op": "replace",
        "path": "/spec/advanced/horizontalPodAutoscalerConfig/behavior/scaleDown",
        "value": {
            "stabilizationWindowSeconds": 15,
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
        },
    },
    {"op": "replace", "path": "/spec/pollingInterval", "value": 5},
]


def test_replicas_follow_the_lag_up_to_the_partitions_and_back(make_stage: MakeStage) -> None:
    stage = make_stage(PARTITIONS)
    stage.deploy("keda", app=SCRIPTED, patches=[("ScaledObject", QUICKLY)])
    stage.namespace.wait_ready(1)
    stage.namespace.wait_for(
        lambda: "True" in stage.namespace.kubectl("get", "scaledobject", "pool", "--output", "jsonpath={..status}"),
        60,
        "KEDA to take the pool over",
    )
    replicas = Replicas(stage.namespace)
    began = time.monotonic()
    stage.topics.send(stage.input, (reading(n, devices=48, do="sleep", seconds=SECONDS) for n in range(RECORDS)))
    up = replicas.wait(PARTITIONS, 120)
    lag = stage.topics.lag(stage.group, stage.input)

    def caught_up() -> bool:
        replicas.look()
        return stage.topics.lag(stage.group, stage.input) == 0

    stage.namespace.wait_for(caught_up, 180, "no lag")
    drained = time.monotonic() - began
    down = replicas.wait(1, 180)
    print(f"\n{PARTITIONS} ready after {up:.0f} s (lag then {lag}), no lag after {drained:.0f} s, 1 after {down:.0f} s")
    print(f"seconds, wanted, ready: {replicas.changes}")
    assert replicas.most == PARTITIONS
    results = stage.wait_done()
    assert results.missing(RECORDS) == set()
    assert results.disordered() == []
    print(f"repeated: {len(results.repeated)}")
