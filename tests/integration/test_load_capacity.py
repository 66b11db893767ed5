"""`load --find-capacity` against a pool whose capacity is known: its handler sleeps."""

import json

from tests.support.command import run_command
from tests.support.scene import Scene

SECONDS = 0.005
PARTITIONS = 4


def test_the_rate_that_a_pool_can_do_is_found(scene: Scene) -> None:
    pool = scene.pool("tests.apps.alerts:app", env={"ALERTS_SECONDS": str(SECONDS)}).wait_running()
    file = scene.directory / "found.json"
    arguments = ["--rate", "200", "--hold", "4", "--target", "5000", "--status", pool.address, "--json", str(file)]
    done = run_command(scene, "load", scene.input, "--find-capacity", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    capacity = json.loads(file.read_bytes())["capacity"]
    possible = PARTITIONS / SECONDS
    assert capacity["bounded"]
    assert possible / 3 < capacity["rate"] <= possible * 1.2  # what four seconds can tell
    assert (capacity["partitions"], capacity["replicas"]) == (PARTITIONS, 1)
    assert capacity["target_partitions"] >= 5000 / possible * PARTITIONS
    assert any(not tried["kept_up"] and "lag grows" in tried["why"] for tried in capacity["tried"])
