"""A transaction with an old generation's proof of membership is refused, taken back, and its records done again."""

from signal import SIGCONT, SIGSTOP

import pytest

from tests.support.pool import PROTOCOLS, SESSION
from tests.support.scene import EXACTLY_ONCE, Scene

RATE = 2000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_workers_of_a_supervisor_that_is_no_member_any_more(scene: Scene, protocol: str) -> None:
    """Nobody else takes over: it is the group alone that refuses them."""
    pool = scene.pool(protocol=protocol, env=EXACTLY_ONCE).wait_running()
    with scene.stream(rate=RATE) as stream:
        stream.wait_sent(RATE)
        pool.signal(SIGSTOP)
        stale = pool.wait_event("transaction_aborted", within=SESSION + 10)
        pool.signal(SIGCONT)
        pool.wait_event("partitions_lost", within=SESSION + 10)
        pool.wait_running()
        sent = stream.stop()
    scene.wait_done().assert_exactly_once(sent)
    assert "member" in stale["reason"].lower(), stale
    assert pool.events("worker_fenced") == []
    assert pool.terminate() == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_members_come_and_go_while_workers_commit_all_the_time(scene: Scene, protocol: str) -> None:
    """A generation passes while transactions with the last one's proof are under way."""
    env = {**EXACTLY_ONCE, "POOL_FLUSH_INTERVAL": "0.005"}
    pool = scene.pool(protocol=protocol, env=env).wait_running()
    with scene.stream(rate=RATE) as stream:
        for _ in range(3):
            other = scene.pool(protocol=protocol, env=env).wait_running(2)
            assert other.terminate() == 0
            pool.wait_running()
        sent = stream.stop()
    scene.wait_done().assert_exactly_once(sent)
    assert pool.events("worker_died") == []
    if protocol == "classic":  # a KIP-848 coordinator takes a somewhat older epoch of a member, too
        reasons = {event["reason"] for event in pool.events("transaction_aborted")}
        assert any("generation" in reason for reason in reasons), "no transaction met a new generation"
    assert pool.terminate() == 0
