"""Exactly once: whatever is killed, who reads committed results sees each of them once, in order."""

import random
from signal import SIGKILL

import pytest

from tests.support.pool import PROTOCOLS
from tests.support.scene import EXACTLY_ONCE, Scene

COUNT = 30_000
RATE = 4_000
KILLS = 4
DECLARED = {"APP_GUARANTEE": "exactly_once"}
"""The app alone says what is guaranteed, not the pool's settings."""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_workers_killed_under_load(scene: Scene, protocol: str) -> None:
    pool = scene.pool(protocol=protocol, env=DECLARED).wait_running()
    with scene.stream(rate=RATE, count=COUNT) as stream:
        for turn in range(KILLS):
            stream.wait_sent((turn + 1) * COUNT // (KILLS + 2))
            pool.wait_running()
            pool.signal_worker(random.choice(range(4)), SIGKILL)
            pool.wait_event("worker_died", count=turn + 1)
        assert stream.wait() == COUNT
    scene.wait_done().assert_exactly_once(COUNT)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_supervisors_come_and_are_killed_under_load(scene: Scene, protocol: str) -> None:
    first = scene.pool(protocol=protocol, env=EXACTLY_ONCE).wait_running()
    with scene.stream(rate=RATE // 3, count=COUNT) as stream:
        stream.wait_sent(COUNT // 5)
        second = scene.pool(protocol=protocol, env=EXACTLY_ONCE)
        second.wait_running(2)
        stream.wait_sent(COUNT // 2)
        first.signal(SIGKILL)
        first.wait_exit(5)
        second.wait_running(4)
        assert stream.wait() == COUNT
    scene.wait_done().assert_exactly_once(COUNT)
    assert second.terminate() == 0
