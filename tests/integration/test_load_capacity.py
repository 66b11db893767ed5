"""`load --find-capacity` against a pool whose capacity is known: its handler sleeps."""

import json

import pytest

from tests.support.command import run_command
from tests.support.scene import Scene

SECONDS = 0.005
PARTITIONS = 4


@pytest.mark.parametrize("asked", [True, False], ids=["by its status", "by its results"])
def test_the_rate_that_a_pool_can_do_is_found(scene: Scene, asked: bool) -> None:
    pool = scene.pool("tests.apps.alerts:app", env={"ALERTS_SECONDS": str(SECONDS)}).wait_running()
    file = scene.directory / "found.json"
    arguments = ["--rate", "400", "--hold", "4", "--target", "5000", "--json", str(file)]
    arguments += ["--status", pool.address] if asked else ["--verify", scene.output, "--hot", "1", "--wait", "1"]
    done = run_command(scene, "load", scene.input, "--find-capacity", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    capacity = json.loads(file.read_bytes())["capacity"]
    possible = PARTITIONS / SECONDS
    assert capacity["bounded"]
    most = 1.2 if asked else 1.4  # what four seconds can tell, where the results of one may be open
    assert possible / 3 < capacity["rate"] <= possible * most
    assert (capacity["partitions"], capacity["replicas"]) == (PARTITIONS, 1 if asked else None)
    assert capacity["target_partitions"] >= 5000 / possible * PARTITIONS
    assert any(tried["kept_up"] is False and "lag grows" in tried["why"] for tried in capacity["tried"])
