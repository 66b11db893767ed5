"""A result that brokers refuse spoils its transaction: its record becomes a dead letter, all others are done again."""

import msgspec
import pytest

from tests.conftest import MakeScene
from tests.support.readings import Reading, reading
from tests.support.scene import EXACTLY_ONCE, SCRIPTED
from tests.support.topics import Topics

COUNT = 4000
LONG = {700, 701, 1500, 3999}
_decode = msgspec.json.Decoder(Reading).decode


@pytest.mark.parametrize("linger", [5, 100])
def test_results_that_are_too_long_for_their_topic(make_scene: MakeScene, topics: Topics, linger: int) -> None:
    """The more share a batch, which is refused as a whole, the more are suspected."""
    scene = make_scene()
    topics.alter(scene.output, {"max.message.bytes": "3000"})
    # So many in a batch as the topic takes, if none of them is too long.
    env = {**EXACTLY_ONCE, "KAFKA_LINGER_MS": str(linger), "KAFKA_BATCH_SIZE": "2500"}
    topics.send(scene.input, (reading(seq, do="long" * (seq in LONG)) for seq in range(COUNT)))
    pool = scene.pool(SCRIPTED, env=env).wait_running()
    scene.wait_done().assert_exactly_once(COUNT, but=LONG)
    letters = [_decode(letter.value() or b"").seq for letter in topics.read(scene.dead)]
    assert sorted(letters) == sorted(LONG)
    assert pool.metric("pool_transactions_aborted_total") >= len({seq % 4 for seq in LONG})
    assert pool.events("worker_died") == []
    assert pool.terminate() == 0
