"""Records that kill their workers are found, and set aside with their causes; nobody loses the records beside them."""

from collections.abc import Mapping

import msgspec
import pytest
from confluent_kafka import Message

from tests.support.readings import Reading, reading
from tests.support.scene import SCRIPTED, Scene
from workers.records import raw_headers

pytestmark = pytest.mark.alone  # to take all memory takes long where others want it, too

COUNT = 100_000
TIMEOUT = 2
"""Seconds that a record may take."""
KILLER = "workers.errors.WorkerKiller"

_TOLD = ("error.class", "error.message", "attempts")
_decode = msgspec.json.Decoder(Reading).decode

SEGFAULT, EXIT, SPIN, ALLOCATE = ("segfault", 0.0), ("exit", 3.0), ("spin", 0.0), ("allocate", 0.0)
KILLERS: Mapping[int, tuple[str, float]] = {
    3_001: SEGFAULT,
    7_002: EXIT,
    11_003: SPIN,
    15_001: ALLOCATE,
    40_000: EXIT,
    40_004: SEGFAULT,
    60_002: SPIN,
    60_006: EXIT,
    80_003: ALLOCATE,
    99_999: SEGFAULT,
}
"""What records do, by their number: two beside each other in a partition, and the last of all."""

CAUSES = {
    SEGFAULT: (KILLER, "signal SIGSEGV", "2"),
    EXIT: (KILLER, "exit code 3", "2"),
    SPIN: (KILLER, f"no sign of life for {TIMEOUT} s", "2"),
    ALLOCATE: ("MemoryError", "", "3"),
}
"""The error's class and message, and the attempts, as their dead letters tell them."""


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_ten_killers_in_a_hundred_thousand(scene: Scene, guarantee: str) -> None:
    scene.topics.send(scene.input, (_reading(seq) for seq in range(COUNT)))
    env = {
        "POOL_GUARANTEE": guarantee,
        "POOL_HANDLER_TIMEOUT": str(TIMEOUT),
        "POOL_MAX_MEMORY": "256M",
    }
    pool = scene.pool(SCRIPTED, env=env).wait_running()
    generation = pool.status().generation
    results = scene.wait_done(within=90)
    assert results.missing(COUNT) == KILLERS.keys()
    assert results.disordered() == []
    letters = [(_decode(letter.value() or b"").seq, _told(letter)) for letter in scene.topics.read(scene.dead)]
    if guarantee == "exactly_once":
        assert results.repeated == []
    else:  # a letter may repeat as any result may, where its worker dies before it is acknowledged
        letters = list(set(letters))
    assert sorted(letters) == [(seq, CAUSES[deed]) for seq, deed in sorted(KILLERS.items())]
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
