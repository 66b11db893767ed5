"""The load Job completes where every promise is kept, and fails where one is broken."""

from dataclasses import dataclass, field

import pytest

from tests.k8s.cluster.conftest import MakeStage
from tests.k8s.cluster.stage import ALERTS, SENSORS, Patch

ARGUMENTS = ["load", "$(TOPIC)", "--rate", "$(RATE)", "--duration", "6", "--verify", "$(OUTPUT)", "--wait", "15"]


@dataclass(frozen=True)
class Case:
    """What the pool does, and what the Job is to say of it."""

    kept: bool
    app: str = ALERTS
    replicas: int = 1
    env: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ("--expect", "hot")


CASES = {
    "a result for each": Case(True, SENSORS, arguments=("--expect", "all")),
    "nobody works": Case(False, replicas=0),
    "one of 50 is lost": Case(False, env={"ALERTS_LOSE": "50"}),
    "one of 50 is repeated": Case(True, env={"ALERTS_REPEAT": "50"}),
    "one of 50 is repeated, exactly once": Case(
        False, env={"ALERTS_REPEAT": "50"}, arguments=("--expect", "hot", "--exactly-once")
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_fails_exactly_when_a_promise_is_broken(make_stage: MakeStage, name: str) -> None:
    stage, case = make_stage(), CASES[name]
    changes: Patch = [
        {"op": "replace", "path": "/spec/template/spec/containers/0/args", "value": [*ARGUMENTS, *case.arguments]},
        {"op": "replace", "path": "/spec/template/spec/containers/0/resources/requests/cpu", "value": "20m"},
    ]
    stage.deploy("load", app=case.app, replicas=case.replicas, env=case.env, patches=[("Job", changes)])

    def ended() -> str | None:
        status = stage.namespace.get("job", "pool-load")["status"]
        found = [it["type"] for it in status.get("conditions", ()) if it["status"] == "True"]
        return next((name for name in ("Complete", "Failed") if name in found), None)

    verdict = stage.namespace.wait_for(ended, 150, "the Job to end")
    (pod,) = stage.namespace.get("pods", "--selector", "app.kubernetes.io/component=load")["items"]
    state = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    print("\n" + stage.namespace.kubectl("logs", "job/pool-load"))
    assert (verdict, state["exitCode"]) == (("Complete", 0) if case.kept else ("Failed", 1))
