"""As process 1 of a container the supervisor drains at SIGTERM, and reaps what others leave to it."""

import os
import shutil
import subprocess
from pathlib import Path
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


@pytest.mark.skipif(not _allowed(), reason="this machine does not let a process have a PID namespace of its own")
def test_as_process_one_it_stops_while_it_still_starts(scene: Scene) -> None:
    """The kernel drops what process 1 has no handler for, so the signal is held from the first line on."""
    pool = scene.pool(through=UNSHARE)
    wait_for(lambda: children(pool.pid), 5, "process 1", every=0.001)
    (init,) = children(pool.pid)
    wait_for(lambda: _holds(init, SIGTERM), 5, "it to hold what asks it to stop", every=0.001)
    os.kill(init, SIGTERM)
    assert pool.get("/livez")[0] == 0, "it was asked too late for this test"
    assert pool.wait_exit(15) == 0


def _holds(pid: int, number: int) -> bool:
    if Path(f"/proc/{pid}/exe").readlink().name == UNSHARE[0]:
        return False  # which holds signals, too, while it forks
    (mask,) = (line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "SigBlk" in line)
    return bool(int(mask, 16) >> (number - 1) & 1)
