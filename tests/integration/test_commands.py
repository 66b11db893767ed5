"""The generator and the demo, as a user runs them."""

import json
import subprocess
import sys

from tests.support.command import run_command
from tests.support.pool import ROOT, environment
from tests.support.scene import Scene

COUNT = 3000


def test_load_sends_what_it_says(scene: Scene) -> None:
    topic = f"{scene.input}-load"
    done = run_command(scene, "load", topic, "--create", "3", "--count", str(COUNT), "--devices", "10", "--hot", "0.2")
    assert done.returncode == 0, done.stderr
    found = [json.loads(message.value() or b"") for message in scene.topics.read(topic)]
    assert sorted(record["seq"] for record in found) == list(range(COUNT))
    assert scene.topics.partitions(topic) == [0, 1, 2]
    assert len({record["device_id"] for record in found}) == 10
    hot = sum(record["temperature"] > 50 for record in found)
    assert 0.1 * COUNT < hot < 0.3 * COUNT
    assert f"{COUNT:,}" in done.stdout.replace("_", ",") or str(COUNT) in done.stdout


def test_the_demo_ends_with_a_true_summary() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "supervisor", "demo", "--duration", "8", "--kill"],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
