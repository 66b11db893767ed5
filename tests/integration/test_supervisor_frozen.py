"""A frozen supervisor's workers stop when their lease ends; thawed, it takes part again."""

from signal import SIGCONT, SIGSTOP

import pytest

from tests.support.figures import Figures
from tests.support.pool import PROTOCOLS, SESSION
from tests.support.readings import NS
from tests.support.scene import Scene

pytestmark = pytest.mark.alone

LEASE = 2.0
"""Seconds, in both protocols; see `tests.support.pool`."""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_frozen_past_its_session(scene: Scene, protocol: str, figure: Figures) -> None:
    first = scene.pool(protocol=protocol).wait_running()
    second = scene.pool(protocol=protocol).wait_running(2)
    first.wait_running(2)
    own = set(first.workers().values())
    with scene.stream(rate=2000) as stream:
        stream.wait_sent(2000)
        frozen = first.signal(SIGSTOP)
        second.wait_running(4, within=SESSION + 15)
        thawed = first.signal(SIGCONT)
        figure("frozen for, s", thawed - frozen)
        first.wait_running(2, within=30)
        second.wait_running(2)
        sent = stream.stop()
    results = scene.wait_done()
    last = max(seen.at for seen in results.seen if seen.pid in own) / NS
    figure("last result of its workers, s after the freeze", last - frozen, f"< {LEASE + 1.0}")
    assert last < frozen + LEASE + 1.0, f"results after the lease, frozen at {frozen}, thawed at {thawed}"
    assert results.missing(sent) == set()
