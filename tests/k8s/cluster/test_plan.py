"""The numbers that `plan` writes are those that run, and `check` tells when the topic has others."""

from supervisor import overlay
from tests.k8s.cluster.stage import Stage
from tests.support.command import run_command
from tests.support.readings import reading


def test_what_is_planned_runs_until_the_topic_is_another(stage: Stage) -> None:
    stage.deploy()
    stage.namespace.wait_ready(1)
    folder = str(stage.folder)
    planned = run_command(stage, "plan", "--rate", "1000", "--kustomize", folder)
    print(f"\n{planned.stdout}")
    assert planned.returncode == 0, planned.stderr
    numbers = overlay.read(stage.folder)
    stage.namespace.apply(stage.folder)
    stage.namespace.kubectl("rollout", "status", "deployment/pool", "--timeout", "120s")
    stage.namespace.wait_ready(numbers.replicas)
    (pod,) = stage.namespace.pods()
    (container,) = pod["spec"]["containers"]
    assert container["resources"] == {
        "requests": {"cpu": numbers.cpu, "memory": numbers.memory},
        "limits": {"memory": numbers.memory},
    }
    (entry,) = container["envFrom"]
    variables = stage.namespace.get("configmap", entry["configMapRef"]["name"])["data"]
    assert variables["POOL_MEMORY_BUDGET"] == numbers.memory_budget
    assert variables["POOL_MAX_WORKERS"] == numbers.max_workers == str(stage.partitions)
    count = stage.topics.send(stage.input, map(reading, range(200)))
    assert stage.wait_done().missing(count) == set()

    assert run_command(stage, "check", "--kustomize", folder).returncode == 0
    stage.topics.grow(stage.input, stage.partitions + 2)
    drifted = run_command(stage, "check", "--kustomize", folder)
    assert drifted.returncode == 1
    assert f"the partition count is {stage.partitions} there, and {stage.partitions + 2} in truth" in drifted.stdout
