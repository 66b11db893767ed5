"""What an app may use: hooks, local resources, several topics, tombstones, its own metrics, batches."""

import json
from pathlib import Path

from tests.support.readings import encode, reading
from tests.support.scene import Scene

LOCAL = "tests.apps.local:app"
BATCHES = "tests.apps.batches:app"


def test_hooks_topics_tombstones_and_metrics(scene: Scene, tmp_path: Path) -> None:
    other = scene.topics.create("in", 2)
    pool = scene.pool(LOCAL, env={"APP_INPUT_2": other, "APP_DIARY": str(tmp_path)}).wait_running(6)
    diaries = [tmp_path / str(p.pid) for p in pool.status().partitions]
    assert [diary.read_text() for diary in diaries] == ["started\n"] * 6
    scene.topics.send_raw(scene.input, [{"value": b"{}"}, {"value": None, "key": b"gone"}])
    scene.topics.send_raw(other, [{"value": b"\x00raw"}])
    scene.topics.wait_lag(scene.group, scene.input)
    scene.topics.wait_lag(scene.group, other)

    found = scene.topics.read(scene.output)
    first = [json.loads(message.value() or b"") for message in found if message.key() == b"first"]
    assert sorted(value["tombstone"] for value in first) == [False, True]
    assert {value["diary"] for value in first} == {"started\n"}
    second = [message for message in found if message.key() == b"second"]
    assert [message.value() for message in second] == [b"\x00raw", None]
    assert second[0].headers() == [("from", other.encode())]
    assert pool.metric("app_handled_total", topic="first") == 2
    assert pool.metric("app_handled_total", topic="second") == 1

    assert pool.terminate() == 0
    assert [diary.read_text() for diary in diaries] == ["stopped\n"] * 6


def test_a_failed_batch_is_tried_one_by_one(scene: Scene) -> None:
    count, bad = 400, {33, 77, 301}
    scene.topics.send(scene.input, (reading(seq, do="fail" * (seq in bad)) for seq in range(count)))
    scene.pool(BATCHES).wait_running()
    scene.topics.wait_lag(scene.group, scene.input)
    batches = [json.loads(message.value() or b"") for message in scene.topics.read(scene.output)]
    assert sorted(seq for batch in batches for seq in batch) == sorted(set(range(count)) - bad)
    assert max(map(len, batches)) == 10
    letters = scene.topics.read(scene.dead)
    assert {letter.value() for letter in letters} == {encode(reading(seq, do="fail")) for seq in bad}
