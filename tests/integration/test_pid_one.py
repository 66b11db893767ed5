"""As process 1 of a container the supervisor drains at SIGTERM, and reaps what others leave to it."""

import os
import shutil
import subprocess
from signal import SIGTERM

import pytest

from tests.support.process import children, running
from tests.support.readings import reading
from tests.support.scene import Scene
from tests.support.wait import wait_for

UNSHARE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


def _allowed() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _allowed(), reason="this machine does not let a process have a PID namespace of its own")
def test_as_process_one(scene: Scene) -> None:
    pool = scene.pool(through=UNSHARE).wait_running()
    assert pool.status().pid == 1
    scene.topics.send(scene.input, map(reading, range(100)))
    assert scene.wait_done().missing(100) == set()
    (init,) = children(pool.pid)
    os.kill(init, SIGTERM)
    assert pool.wait_exit(15) == 0
    wait_for(lambda: not running(init), 2, "process 1 to end")
    assert scene.topics.lag(scene.group, scene.input) == 0
