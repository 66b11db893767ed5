"""The fork server's death takes all workers along; the supervisor starts it anew, and nothing is lost."""

import os
import time
from signal import SIGKILL

import pytest

from tests.support.figures import Figures
from tests.support.process import wait_gone
from tests.support.scene import Scene

pytestmark = pytest.mark.alone


def test_killed_under_load(scene: Scene, figure: Figures) -> None:
    pool = scene.pool().wait_running()
    generation = pool.status().generation
    with scene.stream(rate=4000) as stream:
        stream.wait_sent(4000)
        old = set(pool.workers().values())
        server = pool.fork_server()
        killed = time.monotonic()
        os.kill(server, SIGKILL)
        wait_gone(old | {server}, within=2.0)
        figure("fork server and workers gone after, s", time.monotonic() - killed, "< 2")
        pool.wait_running()
        figure("all workers running again after, s", time.monotonic() - killed)
        assert old.isdisjoint(pool.workers().values())
        sent = stream.stop()
    results = scene.wait_done()
    assert results.missing(sent) == set()
    assert results.disordered() == []
    assert pool.status().generation == generation
    assert pool.terminate() == 0
