"""Whatever is wrong with a record or its result is that record's failure: set aside, explained, passed."""

import hashlib
import os

import pytest
from confluent_kafka import Message

from tests.support.readings import encode, reading
from tests.support.scene import SCRIPTED, Scene
from workers.records import raw_headers


def _headers(letter: Message) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in raw_headers(letter)}


@pytest.mark.parametrize(
    ("do", "kind"),
    [
        ("reject", "workers.errors.Reject"),
        ("too large", "workers.errors.ResultRefused"),
        ("not encodable", "workers.errors.EncodeFailed"),
        ("unknown topic", "workers.errors.ResultRefused"),
    ],
)
def test_is_its_records_failure(scene: Scene, do: str, kind: str) -> None:
    pool = scene.pool(SCRIPTED).wait_running()
    scene.topics.send(scene.input, [reading(0), reading(4, do=do), reading(8)])
    assert sorted(scene.wait_done().copies) == [0, 8]
    (letter,) = scene.topics.read(scene.dead)
    assert letter.value() == encode(reading(4, do=do))
    headers = _headers(letter)
    assert headers["pool.error.class"] == kind
    assert headers["pool.attempts"] == "1"
    assert pool.events("worker_died") == []


def test_a_long_error_is_cut(scene: Scene) -> None:
    scene.pool(SCRIPTED).wait_running()
    scene.topics.send(scene.input, [reading(4, do="fail at length")])
    scene.wait_done()
    (letter,) = scene.topics.read(scene.dead)
    headers = _headers(letter)
    assert len(headers["pool.error.message"]) <= 2048
    assert len(headers["pool.error.traceback"]) <= 8192


def test_a_letter_that_is_refused_goes_without_its_value(scene: Scene) -> None:
    """Where the dead-letter topic is made too small by others."""
    scene.topics.create_named(scene.dead, 4, {"max.message.bytes": "100000"})
    value = os.urandom(600_000)
    scene.topics.send_raw(scene.input, [{"key": b"key", "value": value, "partition": 2, "headers": [("a", b"b")]}])
    scene.topics.send(scene.input, [reading(2)])
    pool = scene.pool(SCRIPTED).wait_running()
    assert sorted(scene.wait_done().copies) == [2]
    (letter,) = scene.topics.read(scene.dead)
    headers = _headers(letter)
    assert letter.value() is None
    assert letter.key() == b"key"
    assert headers["a"] == "b"
    assert headers["pool.value.sha256"] == hashlib.sha256(value).hexdigest()
    assert headers["pool.value.size"] == str(len(value))
    assert headers["pool.value.omitted"]
    assert pool.events("worker_died") == []
