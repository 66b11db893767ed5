"""SIGTERM under full load: what was handled is committed, and a restart repeats nothing."""

import time
from signal import SIGINT, SIGTERM, Signals

import pytest

from tests.support.figures import Figures
from tests.support.pool import PROTOCOLS
from tests.support.scene import Scene

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
def test_a_signal_to_the_whole_process_group(scene: Scene, number: Signals) -> None:
    pool = scene.pool().wait_running()
    with scene.stream(rate=4000) as stream:
        stream.wait_sent(4000)
        pool.signal_group(number)
        assert pool.wait_exit(15) == 0
        pool.assert_gone()
        sent = stream.stop()
    handled = scene.topics.results(scene.output)
    assert handled.repeated == []
    assert scene.topics.lag(scene.group, scene.input) == sent - len(handled.seen)
