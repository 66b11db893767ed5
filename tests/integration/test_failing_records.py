"""What cannot be decoded or handled lies in the dead-letter topic, as it was; all else has its result."""

from collections.abc import Mapping
from typing import Any

from confluent_kafka import Message

from tests.support.figures import Figures
from tests.support.readings import encode, reading
from tests.support.scene import SCRIPTED, Scene
from workers.records import raw_headers

COUNT = 10_000
EVERY = 1000


def test_one_in_a_thousand(scene: Scene, figure: Figures) -> None:
    sent = [_message(seq) for seq in range(COUNT)]
    scene.topics.send_raw(scene.input, sent)
    pool = scene.pool(SCRIPTED).wait_running()
    results = scene.wait_done()
    bad = {seq for seq in range(COUNT) if seq % EVERY in (1, 2)}
    assert results.missing(COUNT) == bad
    assert results.repeated == []

    letters = sorted(scene.topics.read(scene.dead), key=_seq)
    figure("records, results, dead letters", f"{COUNT:,}, {len(results.seen):,}, {len(letters)}", f"{len(bad)} letters")
    assert [_seq(letter) for letter in letters] == sorted(bad)
    for letter in letters:
        _assert_untouched(letter, sent[_seq(letter)])
        _assert_explained(letter, scene)
    assert sum(partition.dead_letters for partition in pool.status().partitions) == len(bad)
    assert pool.status().partitions[0].lag == 0


def _message(seq: int) -> dict[str, Any]:
    value = b'{"seq": \xff not JSON' if seq % EVERY == 1 else encode(reading(seq, do="fail" * (seq % EVERY == 2)))
    return {
        "key": f"key-{seq}".encode(),
        "value": value,
        "partition": seq % 4,
        "timestamp": 1_700_000_000_000 + seq,
        "headers": [("seq", str(seq)), ("same", b"\x00\x01"), ("same", None)],
    }


def _seq(letter: Message) -> int:
    return int(dict(raw_headers(letter))["seq"] or b"")


def _assert_untouched(letter: Message, sent: Mapping[str, Any]) -> None:
    assert letter.key() == sent["key"]
    assert letter.value() == sent["value"]
    assert letter.timestamp()[1] == sent["timestamp"]
    original = [(name, value.encode() if isinstance(value, str) else value) for name, value in sent["headers"]]
    assert raw_headers(letter)[: len(original)] == original


def _assert_explained(letter: Message, scene: Scene) -> None:
    headers = {name: (value or b"").decode() for name, value in raw_headers(letter) if name.startswith("pool.")}
    seq = _seq(letter)
    malformed = seq % EVERY == 1
    assert headers["pool.origin.topic"] == scene.input
    assert headers["pool.origin.partition"] == str(seq % 4)
    assert headers["pool.origin.offset"] == str(seq // 4)
    assert headers["pool.group"] == scene.group
    assert headers["pool.error.class"] == ("workers.errors.DecodeFailed" if malformed else "ValueError")
    assert headers["pool.attempts"] == ("1" if malformed else "3"), "what cannot be decoded is not tried again"
    if not malformed:
        assert f"reading {seq} is told to fail" in headers["pool.error.message"]
        assert "tests/apps/scripted.py" in headers["pool.error.traceback"]
    assert headers["pool.failed_at"].endswith("+00:00")
