"""`check` tells before a start what a start would come upon."""

from tests.conftest import MakeScene
from tests.support.command import run_command
from tests.support.scene import Scene


def test_all_is_well_before_the_first_start_and_while_it_runs(scene: Scene) -> None:
    before = run_command(scene, "check")
    assert before.returncode == 0, before.stdout
    assert f"ok    topic {scene.input} (input of see): 4 partitions\n" in before.stdout
    assert f"ok    group {scene.group}: is new\n" in before.stdout
    assert f"{scene.dead} (dead letters of see): is not there; the pool will create it with 4" in before.stdout
    scene.pool().wait_running()
    running = run_command(scene, "check")
    assert running.returncode == 0, running.stdout
    assert f"ok    group {scene.group}: stable, members: 1\n" in running.stdout
    assert f"ok    topic {scene.dead} (dead letters of see): 4 partitions\n" in running.stdout


def test_a_missing_input_fails_it_unless_it_is_to_be_created(make_scene: MakeScene) -> None:
    scene = make_scene(create=False)
    missing = run_command(scene, "check")
    assert missing.returncode == 1
    assert f"FAIL  topic {scene.input} (input of see): is not there, and a pool would wait for it" in missing.stdout
    creating = run_command(scene, "check", "--create", "3")
    assert creating.returncode == 0, creating.stdout
    assert "is not there; the pool will create it with 3 partitions" in creating.stdout
