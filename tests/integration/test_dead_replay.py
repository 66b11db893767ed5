"""Letters are looked at, replayed and told apart by what they are; no letter goes twice, by whatever filter."""

import json
import subprocess
from functools import partial
from signal import SIGINT

import pytest

from tests.support.dead_letters import fill, letter, run_dead, seqs, start_dead
from tests.support.process import end
from tests.support.readings import reading
from tests.support.scene import SCRIPTED, Scene
from tests.support.wait import wait_for
from workers.records import raw_headers

COUNT = 200


@pytest.fixture
def letters(scene: Scene) -> Scene:
    """A scene with letters 0 to 199."""
    fill(scene, (letter(scene, seq) for seq in range(COUNT)))
    return scene


def replayed(scene: Scene, topic: str | None = None) -> list[int]:
    return seqs(scene.topics.read(topic or scene.input))


def test_nothing_is_sent_without_execute(letters: Scene) -> None:
    dry = run_dead(letters, "replay", letters.input)
    assert f"to {letters.input}: {COUNT} records, each to its partition" in dry
    assert "nothing is sent yet: repeat it with --execute" in dry
    assert replayed(letters) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--text", "DEVICE 17"), [17, *range(171, 180, 2)]),
        (("--partition", "3", "--partition", "1", "--until", "2026-01-01T00:00:08Z"), [1, 3, 5, 7]),
    ],
)
def test_a_filter_says_which(letters: Scene, options: tuple[str, ...], expected: list[int]) -> None:
    run_dead(letters, "replay", letters.dead, *options, "--execute")
    assert replayed(letters) == expected


def test_filters_that_overlap_repeat_nothing(letters: Scene) -> None:
    for options in (("--error", "KeyError"), ("--key", "key-5"), (), ("--partition", "2")):
        run_dead(letters, "replay", letters.input, *options, "--execute")
    assert replayed(letters) == list(range(COUNT))


def test_what_fails_again_is_a_letter_of_its_own(scene: Scene) -> None:
    scene.topics.send(scene.input, (reading(seq, do="fail" * (seq < 5)) for seq in range(20)))
    pool = scene.pool(SCRIPTED).wait_running()
    scene.wait_done()
    for letters in (10, 15):
        run_dead(scene, "replay", scene.input, "--execute")
        wait_for(partial(_has_letters, scene, letters), 30.0, f"{letters} letters")
    last = scene.topics.read(scene.dead)[-1]
    assert dict(raw_headers(last))["pool.replay.group"] == scene.group.encode()
    assert pool.terminate() == 0


def test_to_another_topic_leaves_them_open(letters: Scene) -> None:
    other = letters.topics.create("other", 2)
    for _ in range(2):
        run_dead(letters, "replay", letters.input, "--key", "key-7", "--to", other, "--execute")
    assert replayed(letters, other) == [7, 107]
    assert "replayed to other-" in run_dead(letters, "list", letters.input, "--key", "key-7")
    run_dead(letters, "replay", letters.input, "--execute")
    assert replayed(letters) == list(range(COUNT))


def test_letters_without_a_way_back_keep_all_from_being_sent(letters: Scene) -> None:
    grown = letter(letters, 0)
    headers = [(n, b"7" if n == "pool.origin.partition" else v) for n, v in grown.headers]
    letters.topics.send_raw(letters.dead, [{"value": b"", "headers": headers}])
    refused = run_dead(letters, "replay", letters.input, "--execute", code=1)
    assert f"what is not there: {letters.input}[7] (1)" in refused
    assert replayed(letters) == []
    run_dead(letters, "drop", letters.input, "--partition", "7", "--execute")
    run_dead(letters, "replay", letters.input, "--execute")
    assert len(replayed(letters)) == COUNT


def test_a_letter_without_its_value_is_left_where_it_is(scene: Scene) -> None:
    fill(scene, [letter(scene, 0).without_value("too large"), letter(scene, 1)])
    done = run_dead(scene, "replay", scene.input, "--execute")
    assert "left where they are: 1: value not here" in done
    assert replayed(scene) == [1]


def test_what_the_brokers_refuse_leaves_its_letter_open(letters: Scene) -> None:
    narrow = letters.topics.create("narrow", 1, {"max.message.bytes": "100"})
    refused = run_dead(letters, "replay", letters.input, "--to", narrow, "--execute", code=1)
    assert f"cannot be written to {narrow}[0]" in refused
    assert "raise the topic's max.message.bytes" in refused
    assert replayed(letters, narrow) == []
    run_dead(letters, "replay", letters.input, "--execute")
    assert replayed(letters) == list(range(COUNT))


def test_ctrl_c_ends_it_between_records_and_the_next_run_goes_on(letters: Scene) -> None:
    process = _slow_replay(letters)
    process.send_signal(SIGINT)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    told = out.decode()
    assert "interrupted: " in told
    count = len(replayed(letters))
    assert f"{count} replayed, {COUNT - count} left" in told
    run_dead(letters, "replay", letters.input, "--execute")
    assert replayed(letters) == list(range(COUNT))


def test_a_second_one_takes_over(letters: Scene) -> None:
    process = _slow_replay(letters)
    try:
        run_dead(letters, "replay", letters.input, "--error", "KeyError", "--execute")
        _, errors = process.communicate(timeout=30)
    finally:
        end(process)
    assert process.returncode == 1
    told = errors.decode()
    assert "another replay or drop of " in told, told
    run_dead(letters, "replay", letters.input, "--execute")
    assert replayed(letters) == list(range(COUNT))


def test_a_shared_topic_is_worked_through_by_group(scene: Scene) -> None:
    fill(scene, (letter(scene, seq, group="others" if seq % 2 else scene.group) for seq in range(10)))
    refused = run_dead(scene, "replay", scene.dead, code=2, group=False)
    assert f"has letters of {scene.group}, others: say whose with --group NAME" in " ".join(refused.split())
    run_dead(scene, "replay", scene.dead, "--execute")
    assert replayed(scene) == [0, 2, 4, 6, 8]
    dropped = run_dead(scene, "drop", scene.dead, "--execute")
    assert "dealt with before: 5" in dropped
    assert seqs(scene.topics.read(scene.dead)) != []


def test_list_and_show(letters: Scene) -> None:
    listed = run_dead(letters, "list", letters.input, "--error", "KeyError", "--limit", "3")
    lines = [line for line in listed.splitlines() if "no device" in line]
    assert [line.split("no device ")[1].split("'")[0] for line in lines] == ["195", "197", "199"]
    assert "2026-01-01 00:03:19.000" in lines[-1]
    assert "seq=199" in lines[-1]
    assert "3 of 100 open letters shown" in listed
    place = lines[-1].split()[0]
    shown = run_dead(letters, "show", letters.input, place)
    assert "KeyError" in shown
    assert "\\xff\\x00199" in shown
    missing = run_dead(letters, "show", letters.input, "0:100000", code=1)
    assert "has no letter at 0:100000" in missing


def test_raw_is_the_value_alone(scene: Scene) -> None:
    value = json.dumps({"seq": 1}).encode()
    fill(scene, [])
    headers = letter(scene, 0).headers
    scene.topics.send_raw(scene.dead, [{"value": value, "headers": headers, "partition": 0}])
    assert run_dead(scene, "show", scene.input, "0:0", "--raw") == value.decode()


def _has_letters(scene: Scene, count: int) -> bool:
    return len(scene.topics.read(scene.dead)) == count


def _slow_replay(scene: Scene) -> subprocess.Popen[bytes]:
    """A replay that would take 20 s, once its first records are at the origin."""
    process = start_dead(
        scene,
        "replay",
        scene.input,
        "--execute",
        "--rate",
        "10",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_for(lambda: sum(scene.topics.ends(scene.input).values()) > 0, 30.0, "a first record")
    return process
