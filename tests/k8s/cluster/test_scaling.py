"""KEDA takes the pool from one pod to one for each partition and back, with nothing lost or out of order."""

import time
from pathlib import Path

from tests.k8s.cluster.conftest import MakeStage
from tests.k8s.cluster.namespace import Replicas
from tests.k8s.cluster.stage import PODS, Patch

PARTITIONS = 12
SECONDS = 0.05
"""That a record takes, so that twelve workers do 240 a second, in however many pods."""
THRESHOLD = 100
"""Above what is under way at the lowest rate, a second's records; eleven times this has gathered after some 4 s."""
LOAD = ["--profile", "ramp", "--from", "600", "--rate", "24", "--every", "60", "--devices", "1200"]
"""At first more than the pool can do, less and less for a minute, and then a tenth of it until all is over."""
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


def test_replicas_follow_the_lag_up_to_the_partitions_and_back(make_stage: MakeStage, tmp_path: Path) -> None:
    stage = make_stage(PARTITIONS)
    env = {"APP_SECONDS": str(SECONDS)}
    stage.deploy("keda", app=PODS, lag_threshold=THRESHOLD, env=env, patches=[("ScaledObject", QUICKLY)])
    stage.namespace.wait_ready(1)
    stage.namespace.wait_for(
        lambda: "True" in stage.namespace.kubectl("get", "scaledobject", "pool", "--output", "jsonpath={..status}"),
        60,
        "KEDA to take the pool over",
    )
    with (
        stage.namespace.watched(tmp_path / "pods.json") as watched,
        stage.verified_load(tmp_path / "load.json", *LOAD) as load,
    ):
        replicas = Replicas(stage.namespace)
        began = time.monotonic()
        up = replicas.wait(PARTITIONS, 120)
        lag = stage.topics.lag(stage.group, stage.input)

        def caught_up() -> bool:
            replicas.look()
            return stage.topics.lag(stage.group, stage.input) < THRESHOLD

        stage.namespace.wait_for(caught_up, 180, "the lag to go")
        drained = time.monotonic() - began
        down = replicas.wait(1, 180)
        assert load.running, "it was to go on all the while"
        code, result, verified = load.stop()
        assert watched.restarts() == 0
        assert {c for codes in watched.exit_codes().values() for c in codes} == {0}, "a pod did not drain"
    print(f"\n{PARTITIONS} ready after {up:.0f} s (lag then {lag}), no lag after {drained:.0f} s, 1 after {down:.0f} s")
    print(f"seconds, wanted, ready: {replicas.changes}")
    print(
        f"{verified.expected} results due: {verified.missing} missing, {verified.disordered} out of order,"
        f" {verified.unfounded} unfounded, {verified.repeated} repeated; in {result.seconds:.0f} s"
    )
    assert replicas.most == PARTITIONS
    assert result.acknowledged == verified.expected == verified.answered
    assert (verified.missing, verified.disordered, verified.unfounded, verified.error) == (0, 0, 0, None)
    assert code == 0
