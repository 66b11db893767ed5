"""An app that cannot start ends the supervisor, with a clear text and its own exit code; nothing is left running."""

import pytest

from tests.support.process import descendants
from tests.support.scene import Scene
from workers.errors import ExitCode


@pytest.mark.parametrize(
    ("app", "told"),
    [
        ("tests.apps.broken_import:app", "this app is broken on import"),
        ("tests.apps.no_agents:app", "no agent"),
        ("tests.apps.nowhere:app", "tests.apps.nowhere"),
        ("tests.apps.sensors:application", "app"),
        ("tests.apps.broken_start:app", "the database refused"),
    ],
)
def test_it_is_said_and_the_pool_ends(scene: Scene, app: str, told: str) -> None:
    pool = scene.pool(app)
    assert pool.wait_exit(15) == ExitCode.APP, pool.log_tail()
    assert told in pool.log_tail()
    assert "supervisor_bug" not in pool.log_tail()
    assert descendants(pool.pid) == set()
    pool.assert_gone()


def test_a_wrong_setting_is_usage(scene: Scene) -> None:
    pool = scene.pool(env={"POOL_DRAIN_TIMEOUT": "soon"})
    assert pool.wait_exit(10) == ExitCode.USAGE
    assert "POOL_DRAIN_TIMEOUT" in pool.log_tail()
