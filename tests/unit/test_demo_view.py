"""The demo's picture: all of it fits the terminal, and a pipe gets lines."""

import io

import pytest
from rich.console import Console

from supervisor.demo_app import Alert
from supervisor.demo_audit import SeenAlert
from supervisor.demo_view import LineView, LiveView, Scene, logged
from supervisor.latencies import Latencies
from supervisor.status import PartitionStatus, PoolStatus

PARTITIONS = [
    PartitionStatus(topic="real-time-data", partition=number, pid=4000 + number, state="running", results=5)
    for number in range(4)
]
STATUS = PoolStatus(state="running", group="iot-alerts", protocol="classic", uptime_s=9.0, partitions=PARTITIONS)
SEEN = [SeenAlert(Alert(f"device-{seq:04d}", 61.5, seq, 0), 1_700_000_000.25, 0.0123, 1) for seq in range(90)]


def scene(status: PoolStatus | None = STATUS) -> Scene:
    return Scene(
        phase="running",
        broker="127.0.0.1:4711",
        status=status,
        elapsed=3.0,
        duration=None,
        acknowledged=3000,
        hot=90,
        alerted=90,
        repeated=0,
        latencies=Latencies(),
        kills=2,
        restarts=2,
    )


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (160, 50)])
def test_the_picture_fits_the_terminal_and_ends_with_the_newest(width: int, height: int) -> None:
    output = io.StringIO()
    console = Console(file=output, width=width, height=height, force_terminal=True, no_color=True)
    with LiveView(console) as view:
        view.alerts(SEEN)
        view.event(logged({"event": "worker_died", "level": "warning", "partition": 2, "cause": "signal SIGKILL"}))
        view.show(scene())
        picture = output.getvalue()
    lines = picture.splitlines()
    assert len(lines) < height
    assert "device-0089" in picture
    assert "worker_died" in picture
    assert lines[-1].rstrip("\x1b[0m").startswith("╰")


def test_before_the_pool_has_said_anything() -> None:
    output = io.StringIO()
    with LiveView(Console(file=output, width=80, height=24, force_terminal=True)) as view:
        view.show(scene(None))
    assert "the pool is starting" in output.getvalue()


def test_a_pipe_gets_lines_and_none_twice() -> None:
    output = io.StringIO()
    with LineView(Console(file=output, width=120)) as view:
        view.alerts(SEEN)
        view.show(scene())
        view.show(scene())
    lines = output.getvalue().splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["alert", "alert"]
    assert lines[2].strip() == "and 88 more"
    assert "4/4 workers running" in lines[3]
    assert len(lines) == 4
