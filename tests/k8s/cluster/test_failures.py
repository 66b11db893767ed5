"""What must not come up does not, and says why; what is not the pod's fault does not restart it."""

from pathlib import Path

from tests.k8s.cluster.stage import SCRIPTED, SENSORS, Stage
from tests.support.broker import JvmBroker
from tests.support.readings import reading


def test_a_broken_app_never_becomes_ready_and_says_why(stage: Stage) -> None:
    stage.deploy(app="tests.apps.broken_import:app")
    found = stage.namespace.wait_for(lambda: _crash_loop(stage), 90, "a crash loop")
    assert found["ready"] is False
    assert found["lastState"]["terminated"]["exitCode"] == 3
    last = found["lastState"]["terminated"]["message"]
    print(f"\n{last}")
    assert "this app is broken on import" in last
    assert stage.namespace.ready() == []


def _crash_loop(stage: Stage) -> object:
    for pod in stage.namespace.pods():
        for status in pod["status"].get("containerStatuses", ()):
            if status["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff":
                return status
    return None


def test_a_broker_outage_restarts_no_pod(stage: Stage, reachable_broker: JvmBroker, tmp_path: Path) -> None:
    """For longer than all probes would need to give up."""
    stage.deploy(app=SENSORS, replicas=2)
    stage.namespace.wait_ready(2)
    with stage.namespace.watched(tmp_path / "pods.json") as watched:
        count = stage.topics.send(stage.input, map(reading, range(200)))
        stage.wait_done()
        reachable_broker.stop()
        try:
            stage.namespace.kubectl("wait", "pod", "--for=delete", "--all", "--timeout=45s", check=False)
        finally:
            reachable_broker.start()
        count += stage.topics.send(stage.input, map(reading, range(200, 400)))
        results = stage.wait_done()
        assert watched.restarts() == 0
        assert watched.exit_codes() == {}
    stage.namespace.wait_ready(2)
    assert results.missing(count) == set()


def test_a_record_that_takes_all_memory_ends_in_the_dead_letters(stage: Stage, tmp_path: Path) -> None:
    stage.deploy(app=SCRIPTED, memory="512Mi")
    stage.namespace.wait_ready(1)
    with stage.namespace.watched(tmp_path / "pods.json") as watched:
        stage.topics.send(stage.input, [reading(n, do="allocate" if n == 7 else "") for n in range(40)])
        results = stage.wait_done()
        assert watched.restarts() == 0
        assert watched.exit_codes() == {}
    assert results.missing(40) == {7}
    (letter,) = stage.topics.read(stage.dead)
    headers = dict(letter.headers() or ())
    print(f"\n{headers}")
    assert b'"seq":7' in (letter.value() or b"")
    stage.namespace.wait_ready(1)
