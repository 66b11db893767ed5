"""A group's offsets are moved while it is stopped, never under a pool that runs; the next start goes on from there."""

import pytest

from tests.support.command import run_command
from tests.support.pool import PROTOCOLS
from tests.support.readings import reading
from tests.support.scene import Scene

COUNT = 2000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_stopped_group_is_reset_and_goes_on_from_there(scene: Scene, protocol: str) -> None:
    scene.topics.send(scene.input, map(reading, range(COUNT)))
    pool = scene.pool(protocol=protocol).wait_running()
    scene.wait_done()
    committed = scene.topics.committed(scene.group, scene.input)

    refused = run_command(scene, "offsets", "reset", "--to", "earliest", "--execute")
    assert refused.returncode == 1
    assert f"group {scene.group} is in use by " in refused.stderr
    assert pool.terminate() == 0
    assert scene.topics.committed(scene.group, scene.input) == committed

    dry = run_command(scene, "offsets", "reset", "--to", "earliest")
    assert dry.returncode == 0, dry.stderr
    assert "nothing is changed yet: repeat it with --execute" in dry.stdout
    assert scene.topics.committed(scene.group, scene.input) == committed

    done = run_command(scene, "offsets", "reset", "--to", "earliest", "--execute")
    assert done.returncode == 0, done.stderr
    assert scene.topics.committed(scene.group, scene.input) == dict.fromkeys(range(4), 0)

    scene.pool(protocol=protocol).wait_running()
    results = scene.wait_done()
    assert results.missing(COUNT) == set()
    assert len(results.seen) == 2 * COUNT


def test_show_tells_what_is_left(scene: Scene) -> None:
    scene.topics.send_raw(scene.input, [{"value": b"{}", "partition": 2} for _ in range(5)])
    scene.topics.commit(scene.group, scene.input, {2: 3})
    shown = run_command(scene, "offsets", "show")
    assert shown.returncode == 0, shown.stderr
    rows = [line.split()[1:] for line in shown.stdout.splitlines() if scene.input in line]
    assert rows == [
        ["0", "-", "0", "0", "0"],
        ["1", "-", "0", "0", "0"],
        ["2", "3", "0", "5", "2"],
        ["3", "-", "0", "0", "0"],
    ]


def test_one_partition_is_moved_to_a_time_or_an_offset(scene: Scene) -> None:
    times = [1_767_225_600_000 + 1000 * second for second in range(10)]
    scene.topics.send_raw(scene.input, [{"value": b"{}", "partition": 1, "timestamp": time} for time in times])
    to = ("offsets", "reset", "--topic", scene.input, "--partition", "1", "--execute", "--to")
    for target, offset in (("2026-01-01T00:00:04Z", 4), ("7", 7), ("2027-01-01", 10)):
        done = run_command(scene, *to, target)
        assert done.returncode == 0, done.stderr
        assert scene.topics.committed(scene.group, scene.input) == {1: offset}
    refused = run_command(scene, *to, "11")
    assert refused.returncode == 1
    assert "[1] has 0 to 10; name others with --partition" in refused.stderr
    assert scene.topics.committed(scene.group, scene.input) == {1: 10}
