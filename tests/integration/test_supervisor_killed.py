"""A killed supervisor takes its workers along, a hung one too, and a survivor takes over."""

import time
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.support.figures import Figures
from tests.support.pool import PROTOCOLS, SESSION
from tests.support.readings import NS, reading
from tests.support.scene import SCRIPTED, Scene

pytestmark = pytest.mark.alone


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_killed_with_a_hung_worker(scene: Scene, tmp_path: Path, protocol: str, figure: Figures) -> None:
    env = {"APP_MARK": str(tmp_path / "mark")}
    first = scene.pool(SCRIPTED, protocol=protocol, env=env).wait_running()
    second = scene.pool(SCRIPTED, protocol=protocol, env=env).wait_running(2)
    first.wait_running(2)
    hung = min(first.workers())
    scene.topics.send(scene.input, [reading(hung, do="hang once")])
    first.wait_for((tmp_path / "mark").exists, 10, "a worker that hangs")

    own = set(first.workers().values())
    with scene.stream(rate=2000, first=hung + 1) as stream:
        stream.wait_sent(1000)
        killed = first.signal(SIGKILL)
        first.assert_gone(within=2.0)
        figure("workers gone after, one of them hung, s", time.monotonic() - killed, "< 2")
        second.wait_running(4, within=SESSION + 15)
        figure(f"taken over after, session of {SESSION:.0f} s, s", time.monotonic() - killed)
        sent = stream.stop()
    results = scene.wait_done()
    assert results.missing(hung + 1 + sent) - set(range(hung)) == set()
    assert all(seen.at / NS < killed + 2.0 for seen in results.seen if seen.pid in own)
