"""Dropped letters are dealt with; they are deleted only where nothing below is open."""

from tests.support.command import run_command
from tests.support.dead_letters import delete_letters, fill, letter, run_dead, seqs
from tests.support.scene import Scene

COUNT = 100


def remaining(scene: Scene) -> list[int]:
    return seqs(scene.topics.read(scene.dead))


def test_a_letter_below_an_open_one_is_deleted_and_one_above_is_kept(scene: Scene) -> None:
    scene.topics.create_named(scene.dead, 1)
    fill(scene, (letter(scene, seq) for seq in range(COUNT)))
    until = ("--until", "2026-01-01T00:00:10Z")
    odd = ("--error", "KeyError")

    dry = run_dead(scene, "drop", scene.input, *until)
    assert "to delete: 10 offsets" in dry
    assert len(remaining(scene)) == COUNT

    run_dead(scene, "drop", scene.input, *until, "--execute")
    assert remaining(scene) == list(range(10, COUNT))

    run_dead(scene, "drop", scene.input, *odd, "--execute")
    assert remaining(scene) == list(range(10, COUNT))
    assert "45 of 45 open letters shown" in run_dead(scene, "list", scene.input)
    assert "dropped" in run_dead(scene, "list", scene.input, "--all")

    run_dead(scene, "replay", scene.input, "--execute")
    assert seqs(scene.topics.read(scene.input)) == list(range(10, COUNT, 2))
    run_dead(scene, "drop", scene.input, "--execute")
    assert remaining(scene) == []
    assert "no open letter" in run_dead(scene, "list", scene.input)


def test_what_comes_later_is_not_dropped_with_it(scene: Scene) -> None:
    fill(scene, (letter(scene, seq) for seq in range(8)))
    run_dead(scene, "drop", scene.input, "--execute")
    fill(scene, (letter(scene, seq) for seq in range(8, 12)))
    assert remaining(scene) == [8, 9, 10, 11]
    assert "4 of 4 open letters" in run_dead(scene, "list", scene.input)


def test_a_topic_that_is_made_anew_begins_anew(scene: Scene) -> None:
    fill(scene, (letter(scene, seq) for seq in range(8)))
    run_dead(scene, "replay", scene.input, "--execute")
    delete_letters(scene)
    fill(scene, (letter(scene, seq) for seq in range(8, 12)))
    run_dead(scene, "replay", scene.input, "--execute")
    assert seqs(scene.topics.read(scene.input)) == list(range(12))


def test_what_a_filter_has_done_is_forgotten_on_demand(scene: Scene) -> None:
    fill(scene, (letter(scene, seq) for seq in range(4)))
    told = run_dead(scene, "replay", scene.input, "--execute")
    group = told.partition("; group ")[2].split()[0]
    run_dead(scene, "replay", scene.input, "--execute")
    assert seqs(scene.topics.read(scene.input)) == [0, 1, 2, 3]
    reset = run_command(
        scene, "offsets", "reset", "--topic", scene.dead, "--group", group, "--to", "earliest", "--execute"
    )
    assert reset.returncode == 0, reset.stderr
    run_dead(scene, "replay", scene.input, "--execute")
    assert seqs(scene.topics.read(scene.input)) == [0, 0, 1, 1, 2, 2, 3, 3]
