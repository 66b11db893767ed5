"""A broker that is killed while transactions are under way, some of them between prepare and commit, loses nothing."""

from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import MakeScene
from tests.support.broker import JvmBroker, OwnBroker
from tests.support.pool import PROTOCOLS
from tests.support.scene import EXACTLY_ONCE
from tests.support.topics import Topics
from tests.support.transaction_log import last_states

pytestmark = pytest.mark.alone

RATE = 1000
MOST_KILLS = 6
LEAST_KILLS = 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_between_prepare_and_commit(
    make_scene: MakeScene, breakable_broker: OwnBroker, tmp_path: Path, protocol: str
) -> None:
    topics = Topics(breakable_broker.bootstrap)
    scene = make_scene(topics)
    pool = scene.pool(protocol=protocol, env=EXACTLY_ONCE).wait_running()
    caught: Counter[str] = Counter()
    with scene.stream(rate=RATE) as stream:
        for number in range(1, MOST_KILLS + 1):
            stream.wait_sent(number * RATE)
            breakable_broker.kill()
            if isinstance(breakable_broker, JvmBroker):
                caught.update(last_states(breakable_broker.directory / "data").values())
            breakable_broker.start()
            pool.wait_running(within=60)
            if number >= LEAST_KILLS and caught["PrepareCommit"]:
                break
        sent = stream.stop()
    scene.wait_done().assert_exactly_once(sent)
    if isinstance(breakable_broker, JvmBroker):
        assert caught["PrepareCommit"], f"no kill came between prepare and commit: {caught}"
    assert pool.events("record_suspected") == []
    assert pool.terminate() == 0
