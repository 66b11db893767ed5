"""A pod of a restricted namespace processes, and is gone inside its grace, drained, when it is deleted."""

import json
import time
from pathlib import Path

import pytest

from tests.k8s.cluster.stage import PODS, Stage

MOST_BYTES = 40_000_000
"""What the image may add to its base; README.md states what it does."""


VARIANTS = {
    "at_least_once": {},
    "exactly_once": {"POOL_GUARANTEE": "exactly_once"},
    # The session is the broker's own; see tests/support/broker.py.
    "kip_848": {"KAFKA_GROUP_PROTOCOL": "consumer", "KAFKA_SESSION_TIMEOUT_MS": "", "POOL_LEASE": "2"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_deleted_pod_drains_and_nothing_is_repeated(stage: Stage, tmp_path: Path, variant: str) -> None:
    stage.deploy(env=VARIANTS[variant])
    (pod,) = stage.namespace.wait_ready(1)
    with stage.namespace.watched(tmp_path / "pods.json") as watched, stage.stream(rate=300) as stream:
        stream.wait_sent(1500)
        began = time.monotonic()
        stage.namespace.kubectl("delete", "pod", pod)  # which waits until it is gone
        took = time.monotonic() - began
        stage.namespace.wait_ready(1)
        stream.wait_sent(stream.sent + 600)
        sent = stream.stop()
        results = stage.wait_done()
        assert watched.exit_codes()[pod] == {0}
        assert watched.restarts() == 0
    print(f"\n{variant}: gone after {took:.1f} s; {sent} records, none repeated: {not results.repeated}")
    assert took < 20, "it did not drain, it was waited for"
    assert results.missing(sent) == set()
    assert results.repeated == []
    assert results.disordered() == []


@pytest.mark.parametrize("protocol", ["classic", "kip_848"])
def test_exactly_once_a_pod_that_is_killed_repeats_nothing(stage: Stage, protocol: str) -> None:
    """Of what readers of committed records see: its workers die in their transactions, and it must be gone at once."""
    variant = VARIANTS["kip_848"] if protocol == "kip_848" else {}
    stage.deploy(app=PODS, replicas=2, env={**variant, **VARIANTS["exactly_once"]})
    with stage.stream(rate=300) as stream:
        pod, _ = stage.namespace.wait_ready(2)
        stream.wait_sent(stream.sent + 900)
        # All that runs there but process 1, which nobody within can kill, and this.
        stage.namespace.kubectl("exec", pod, "--", "python", "-c", "import os; os.kill(-1, 9)")
        stage.namespace.kubectl("delete", "pod", pod, "--grace-period=0", "--force")
        stream.wait_sent(stream.sent + 900)
        stage.namespace.wait_ready(2)
        stream.wait_sent(stream.sent + 600)
        sent = stream.stop()
    results = stage.wait_done()
    pauses = [results.longest_gap(number) for number in range(stage.partitions)]
    print(f"\n{protocol}: {sent} records, {len(results.repeated)} repeated; longest pause {max(pauses):.1f} s")
    results.assert_exactly_once(sent)


def test_process_one_reaps_what_is_left_to_it(stage: Stage) -> None:
    stage.deploy()
    (pod,) = stage.namespace.wait_ready(1)
    python = """if True:
        import os, pathlib, time
        def parent(pid):
            try:
                return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            except FileNotFoundError:
                return None
        mine, theirs = os.pipe()
        if (child := os.fork()) == 0:
            if (orphan := os.fork()) == 0:
                os.read(mine, 1)
                os._exit(7)
            pathlib.Path("/tmp/orphan").write_text(str(orphan))
            os._exit(0)
        os.waitpid(child, 0)
        orphan = int(pathlib.Path("/tmp/orphan").read_text())
        adopted = parent(orphan)
        os.write(theirs, b"x")
        end = time.monotonic() + 10
        while parent(orphan) is not None and time.monotonic() < end:
            time.sleep(0.05)
        print(adopted, parent(orphan))"""
    assert stage.namespace.kubectl("exec", pod, "--", "python", "-c", python).split() == ["1", "None"]
    stage.namespace.wait_ready(1)


def test_a_pod_is_as_the_image_and_the_manifests_say(stage: Stage) -> None:
    stage.deploy()
    (pod,) = stage.namespace.wait_ready(1)
    python = """if True:
        import json, os, pathlib, shutil
        def writable(path):
            try:
                pathlib.Path(path, "probe").touch(); pathlib.Path(path, "probe").unlink(); return True
            except OSError:
                return False
        status = dict(l.split(":\\t") for l in pathlib.Path("/proc/1/status").read_text().splitlines() if ":\\t" in l)
        print(json.dumps({
            "uid": os.getuid(), "first": pathlib.Path("/proc/1/cmdline").read_text().split("\\0")[1:3],
            "capabilities": status["CapEff"], "seccomp": status["Seccomp"].strip(), "new": status["NoNewPrivs"].strip(),
            "writable": [p for p in ("/", "/app", "/opt/pool", "/etc", "/tmp", "/var/lib/pool/metrics") if writable(p)],
            "token": os.path.exists("/var/run/secrets/kubernetes.io"),
            "metrics": [l.split()[2] for l in open("/proc/mounts") if "/var/lib/pool/metrics" in l],
            "links": [n for n in os.environ if n.endswith("_SERVICE_HOST") and "KUBERNETES" not in n],
            "tools": [n for n in ("cc", "gcc", "make") if shutil.which(n)],
            "state": os.path.isdir("/var/lib/pool/state"),
            "size": sum(f.stat().st_size for f in pathlib.Path("/opt/pool").rglob("*") if f.is_file())}))"""
    found = json.loads(stage.namespace.kubectl("exec", pod, "--", "python", "-c", python))
    size = found.pop("size")
    print(f"\nthe image adds {size / 1e6:.1f} MB to its base")
    assert size < MOST_BYTES
    assert found == {
        "uid": 10001,
        "first": ["-m", "supervisor"],
        "capabilities": "0000000000000000",
        "seccomp": "2",
        "new": "1",
        "writable": ["/tmp", "/var/lib/pool/metrics"],
        "token": False,
        "metrics": ["tmpfs"],
        "links": [],
        "tools": [],
        "state": True,
    }
