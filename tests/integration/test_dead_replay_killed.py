"""10,000 dead letters are replayed by a command that is killed in the middle, again and again: each exactly once."""

import subprocess
from signal import SIGKILL

from tests.support.dead_letters import fill, letter, record, run_dead, seqs, start_dead
from tests.support.scene import Scene
from tests.support.wait import wait_for
from workers.records import raw_headers
from workers.replay import REPLAY_GROUP

COUNT = 10_000
KILLED_AT = (1500, 4000, 7000)
"""How many records are to be at the origin before each SIGKILL."""


def test_each_record_is_at_the_origin_once_and_as_it_was(scene: Scene) -> None:
    fill(scene, (letter(scene, seq) for seq in range(COUNT)))
    for count in KILLED_AT:
        _replay_and_kill(scene, count)
    # Not by the waiting alone: it takes over from the killed one, whose transaction may still be open.
    done = run_dead(scene, "replay", scene.input, "--execute")
    assert "remembers it" in done

    messages = scene.topics.read(scene.input)
    assert seqs(messages) == list(range(COUNT))
    for message in messages:
        headers = raw_headers(message)
        seq = int(dict(headers)["seq"] or b"")
        sent = record(scene, seq)
        assert headers == [*sent["headers"], (REPLAY_GROUP, scene.group.encode())]
        assert (message.key(), message.value()) == (sent["key"], sent["value"])
        assert (message.partition(), message.timestamp()[1]) == (sent["partition"], sent["timestamp"])

    again = run_dead(scene, "replay", scene.input, "--execute")
    assert f"{scene.dead}: to replay: 0 letters" in again
    assert f"dealt with before: {COUNT:,}" in again
    assert len(scene.topics.read(scene.input)) == COUNT


def _replay_and_kill(scene: Scene, count: int) -> None:
    process = start_dead(
        scene,
        "replay",
        scene.input,
        "--execute",
        "--rate",
        "3000",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: sum(scene.topics.ends(scene.input).values()) >= count, 60.0, f"{count} records at the origin")
    process.send_signal(SIGKILL)
    assert process.wait() == -SIGKILL
    assert count * 0.9 < len(scene.topics.read(scene.input)) < COUNT
