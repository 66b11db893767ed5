"""Frozen past its session and thawed, the workers of the old owner cannot commit beside those of the new one."""

import os
import time
from signal import SIGCONT, SIGSTOP

import pytest

from tests.support.pool import PROTOCOLS, SESSION
from tests.support.process import wait_gone
from tests.support.readings import NS
from tests.support.scene import EXACTLY_ONCE, Scene

RATE = 2000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_its_transactions_are_fenced(scene: Scene, protocol: str) -> None:
    first = scene.pool(protocol=protocol, env=EXACTLY_ONCE).wait_running()
    second = scene.pool(protocol=protocol, env=EXACTLY_ONCE).wait_running(2)
    first.wait_running(2)
    own = first.workers()
    with scene.stream(rate=RATE) as stream:
        stream.wait_sent(RATE)
        first.signal_all(SIGSTOP)
        frozen = stream.sent
        second.wait_running(4, within=SESSION + 15)
        second.wait_for(lambda: all(p.rate > 0 for p in second.status().partitions), 15, "records of all partitions")

        # The workers alone at first: nobody tells them that they have lost their partitions.
        thawed = time.monotonic()
        for pid in own.values():
            os.kill(pid, SIGCONT)
        wait_gone(set(own.values()), within=15)
        first.signal_all(SIGCONT)
        first.wait_event("partitions_lost", within=SESSION + 15)
        first.wait_running(2, within=30)
        second.wait_running(2)
        stream.wait_sent(frozen + RATE)
        sent = stream.stop()
    results = scene.wait_done()
    results.assert_exactly_once(sent)

    fenced = {event["worker_pid"] for event in first.events("worker_fenced")}
    assert fenced == set(own.values())
    assert first.events("worker_died") == []
    since_lost = first.events()[: first.events().index(first.events("partitions_lost")[0])]
    begun = [event for event in since_lost if event["event"] == "worker_started"]
    assert {event["worker_pid"] for event in begun} >= set(own.values())
    assert begun[-1]["timestamp"] < first.events("worker_fenced")[0]["timestamp"], "none begins without membership"
    assert [seen for seen in results.seen if seen.pid in own.values() and seen.at / NS > thawed] == []
