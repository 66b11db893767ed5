"""Records that kill their workers are found, and set aside with their causes; nobody loses the records beside them."""

from collections.abc import Mapping

import msgspec
import pytest
from confluent_kafka import Message

from tests.support.readings import Reading, reading
from tests.support.scene import SCRIPTED, Scene
from workers.records import raw_headers

COUNT = 20_000
KILLER = "workers.errors.WorkerKiller"

_TOLD = ("error.class", "error.message", "attempts")
_decode = msgspec.json.Decoder(Reading).decode

KILLERS: Mapping[int, tuple[str, float]] = {
    3_001: ("segfault", 0),
    7_002: ("exit", 3),
    11_003: ("spin", 0),
    15_001: ("allocate", 0),
}
"""What records do, by their number; the first and the last are in one partition."""

CAUSES = {
    3_001: (KILLER, "signal SIGSEGV", "2"),
    7_002: (KILLER, "exit code 3", "2"),
    11_003: (KILLER, "no sign of life for 2 s", "2"),
    15_001: ("MemoryError", "", "3"),
}
"""The error's class and message, and the attempts, as their dead letters tell them."""


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_four_killers(scene: Scene, guarantee: str) -> None:
    scene.topics.send(scene.input, (_reading(seq) for seq in range(COUNT)))
    env = {
        "POOL_GUARANTEE": guarantee,
        "POOL_HANDLER_TIMEOUT": "2",
        "POOL_MAX_MEMORY": "256M",
        "POOL_BATCH_SIZE": "200",
    }
    pool = scene.pool(SCRIPTED, env=env).wait_running()
    generation = pool.status().generation
    results = scene.wait_done(within=90)
    assert results.missing(COUNT) == KILLERS.keys()
    assert results.disordered() == []
    if guarantee == "exactly_once":
        assert results.repeated == []
    letters = {_decode(letter.value() or b"").seq: _told(letter) for letter in scene.topics.read(scene.dead)}
    assert letters == CAUSES
    assert pool.status().generation == generation, "a killer must not move the group"
    assert pool.terminate() == 0


def _told(letter: Message) -> tuple[str, str, str]:
    """What the letter says: the error's class and message, and the attempts."""
    headers = dict(raw_headers(letter))
    kind, text, attempts = ((headers[f"pool.{name}"] or b"").decode() for name in _TOLD)
    return kind, text, attempts


def _reading(seq: int) -> Reading:
    do, seconds = KILLERS.get(seq, ("", 0.0))
    return reading(seq, do=do, seconds=seconds)
