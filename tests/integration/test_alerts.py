"""The main job: every record of four partitions gives its result once, and its offset is committed."""

from signal import SIGTERM

import pytest

from tests.support.pool import PROTOCOLS
from tests.support.readings import reading
from tests.support.scene import Scene

COUNT = 20_000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_record_gives_one_result(scene: Scene, protocol: str) -> None:
    scene.topics.send(scene.input, map(reading, range(COUNT)))
    pool = scene.pool(protocol=protocol)
    pool.wait_running()
    results = scene.wait_done()
    assert results.missing(COUNT) == set()
    assert results.repeated == []
    assert results.disordered() == []
    assert len({seen.pid for seen in results.seen}) == 4
    pool.signal(SIGTERM)
    assert pool.wait_exit(10) == 0
    pool.assert_gone()
