"""A pod of a restricted namespace processes, and is gone inside its grace, drained, when it is deleted."""

import json
import time
from pathlib import Path

from tests.k8s.cluster.stage import Stage

MOST_BYTES = 40_000_000
"""What the image may add to its base; README.md states what it does."""


def test_a_deleted_pod_drains_and_nothing_is_repeated(stage: Stage, tmp_path: Path) -> None:
    stage.deploy()
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
    print(f"\ngone after {took:.1f} s; {sent} records")
    assert took < 20, "it did not drain, it was waited for"
    assert results.missing(sent) == set()
    assert results.repeated == []
    assert results.disordered() == []


def test_a_pod_is_as_the_image_and_the_manifests_say(stage: Stage) -> None:
    stage.deploy()
    (pod,) = stage.namespace.wait_ready(1)
    python = """if True:
        import json, os, pathlib
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
        "state": True,
    }
