"""SIGTERM under full load: what was handled is committed, and a restart repeats nothing."""

import time
from signal import SIGINT, SIGTERM, Signals

import pytest

from tests.support.figures import Figures
from tests.support.pool import PROTOCOLS
from tests.support.process import descendants, name_of
from tests.support.readings import reading
from tests.support.scene import SCRIPTED, Scene

pytestmark = pytest.mark.alone


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_lag_is_what_was_never_handled(scene: Scene, protocol: str, figure: Figures) -> None:
    pool = scene.pool(protocol=protocol).wait_running()
    with scene.stream(rate=15_000) as stream:
        stream.wait_sent(30_000)
        asked = time.monotonic()
        assert pool.terminate(within=15) == 0
        figure("SIGTERM to exit 0, s", time.monotonic() - asked)
        pool.assert_gone()
        sent = stream.stop()
    handled = scene.topics.results(scene.output)
    assert handled.repeated == []
    lag = scene.topics.lag(scene.group, scene.input)
    figure("sent, handled, lag", f"{sent:,}, {len(handled.seen):,}, {lag:,}", "lag = sent - handled")
    assert lag == sent - len(handled.seen)

    scene.pool(protocol=protocol)
    results = scene.wait_done()
    assert results.missing(sent) == set()
    assert results.repeated == []


@pytest.mark.parametrize("number", [SIGTERM, SIGINT])
def test_a_signal_to_all_processes(scene: Scene, number: Signals) -> None:
    pool = scene.pool().wait_running()
    with scene.stream(rate=4000) as stream:
        stream.wait_sent(4000)
        pool.signal_all(number)
        assert pool.wait_exit(15) == 0
        pool.assert_gone()
        sent = stream.stop()
    handled = scene.topics.results(scene.output)
    assert handled.repeated == []
    assert scene.topics.lag(scene.group, scene.input) == sent - len(handled.seen)


def test_ctrl_c_does_not_reach_what_a_handler_has_started(scene: Scene) -> None:
    pool = scene.pool(SCRIPTED).wait_running()
    scene.topics.send(scene.input, [reading(0, do="run program", seconds=3)])
    pool.wait_for(lambda: any("sleep" in name for name in map(name_of, descendants(pool.pid))), 10, "the program")
    pool.signal_group(SIGINT)
    assert pool.wait_exit(15) == 0
    scene.topics.results(scene.output).assert_exactly_once(1)
    assert scene.topics.lag(scene.group, scene.input) == 0
    assert scene.topics.read(scene.dead) == []
