"""The load Job completes where each record has its result, and fails where one has none."""

import pytest

from tests.k8s.cluster.conftest import MakeStage
from tests.k8s.cluster.stage import SENSORS, Patch

ARGUMENTS = ["load", "$(TOPIC)", "--rate", "$(RATE)", "--duration", "10", "--verify", "$(OUTPUT)", "--wait", "15"]
SHORTER: Patch = [
    {"op": "replace", "path": "/spec/template/spec/containers/0/args", "value": [*ARGUMENTS, "--expect", "all"]},
    {"op": "replace", "path": "/spec/template/spec/containers/0/resources/requests/cpu", "value": "20m"},
]


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "broken"])
def test_it_fails_exactly_when_a_promise_is_broken(make_stage: MakeStage, kept: bool) -> None:
    stage = make_stage()
    # Broken: nobody works, so nothing comes of what is sent.
    stage.deploy("load", app=SENSORS, replicas=1 if kept else 0, patches=[("Job", SHORTER)])

    def ended() -> str | None:
        status = stage.namespace.get("job", "pool-load")["status"]
        found = [it["type"] for it in status.get("conditions", ()) if it["status"] == "True"]
        return next((name for name in ("Complete", "Failed") if name in found), None)

    verdict = stage.namespace.wait_for(ended, 150, "the Job to end")
    (pod,) = stage.namespace.get("pods", "--selector", "app.kubernetes.io/component=load")["items"]
    state = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    print("\n" + stage.namespace.kubectl("logs", "job/pool-load"))
    assert (verdict, state["exitCode"]) == (("Complete", 0) if kept else ("Failed", 1))
