"""A user's metrics from several forked workers are added up, survive them, and do not pile up in files."""

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from supervisor.user_metrics import UserMetrics
from workers.errors import ConfigInvalid

# A fork server in small: each further argument is the slots of workers that run at the same time.
FORK_SERVER = """
import os, sys
from workers import metrics

metrics.prepare(sys.argv[1])

from prometheus_client import Counter, Gauge, Histogram, Summary

seen = Counter("seen", "c", ["kind"])
plain = Counter("plain", "c")
plain.inc(100)
depth = Gauge("depth", "g")
live = Gauge("live", "g", multiprocess_mode="livesum")
took = Histogram("took", "h", buckets=(1, 2))
size = Summary("size", "s")

def work(slot):
    metrics.identify(slot)
    seen.labels("hot").inc(slot + 1)
    plain.inc()
    depth.set(10 + slot)
    live.set(1)
    took.observe(1.5)
    size.observe(4)

for wave in sys.argv[2:]:
    children = []
    for slot in wave.split(","):
        if (pid := os.fork()) == 0:
            code = 1
            try:
                work(int(slot))
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
"""


def run_workers(directory: Path, *waves: str) -> None:
    subprocess.run([sys.executable, "-c", FORK_SERVER, str(directory), *waves], check=True, timeout=30)


@pytest.fixture
def metrics() -> Iterator[UserMetrics]:
    kept = UserMetrics(None)
    yield kept
    kept.close()


def value(metrics: UserMetrics, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(metrics)
    return registry.get_sample_value(name, labels)


def test_three_workers_are_added_up(metrics: UserMetrics) -> None:
    run_workers(metrics.directory, "0,1,2")
    assert value(metrics, "seen_total", kind="hot") == 1 + 2 + 3
    assert value(metrics, "took_bucket", le="1.0") == 0
    assert value(metrics, "took_bucket", le="2.0") == 3
    assert value(metrics, "took_sum") == 4.5
    assert value(metrics, "size_count") == 3
    assert value(metrics, "live") == 3


def test_gauges_are_told_apart_by_slot_alone(metrics: UserMetrics) -> None:
    run_workers(metrics.directory, "0,12")
    assert value(metrics, "depth", pid="0") == 10
    assert value(metrics, "depth", pid="12") == 22
    assert value(metrics, "depth", pid="app") is None


def test_a_successor_in_a_slot_goes_on_from_its_predecessor(metrics: UserMetrics) -> None:
    run_workers(metrics.directory, "0,1")
    files = sorted(metrics.directory.iterdir())
    run_workers(metrics.directory, "1", "1")
    assert value(metrics, "seen_total", kind="hot") == 1 + 3 * 2
    assert value(metrics, "took_count") == 4
    assert sorted(metrics.directory.iterdir()) == files


def test_only_what_an_earlier_supervisor_left_is_removed(tmp_path: Path) -> None:
    run_workers(tmp_path, "0")
    (tmp_path / "devices.db").write_text("the app's own")
    UserMetrics(str(tmp_path)).close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["devices.db", "lock"]


def test_what_the_import_of_the_app_counted_is_there(metrics: UserMetrics) -> None:
    run_workers(metrics.directory, "0")
    assert value(metrics, "plain_total") == 101


def test_a_dead_workers_live_gauges_go(metrics: UserMetrics) -> None:
    run_workers(metrics.directory, "0,1")
    metrics.worker_died(1)
    assert value(metrics, "live") == 1
    assert value(metrics, "seen_total", kind="hot") == 3


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, struct.pack("ii i8sdd", 40, 0, 8, b"not json", 1, 1)])
def test_a_file_that_cannot_be_read_hides_nothing_else(content: bytes, metrics: UserMetrics) -> None:
    run_workers(metrics.directory, "0")
    (metrics.directory / "counter_5.db").write_bytes(content)
    assert value(metrics, "seen_total", kind="hot") == 1


def test_nobody_who_uses_no_metrics_sees_any(metrics: UserMetrics) -> None:
    assert list(metrics.collect()) == []


def test_a_named_directory_is_made_emptied_and_kept(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "metrics"
    first = UserMetrics(str(directory))
    run_workers(directory, "0")
    first.close()
    second = UserMetrics(str(directory))
    assert list(second.collect()) == []
    second.close()
    assert directory.is_dir()


def test_a_directory_has_one_supervisor(tmp_path: Path) -> None:
    first = UserMetrics(str(tmp_path))
    with pytest.raises(ConfigInvalid, match="another supervisor"):
        UserMetrics(str(tmp_path))
    first.close()
    UserMetrics(str(tmp_path)).close()


def test_a_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigInvalid, match="metrics_dir"):
        UserMetrics(str(tmp_path / "file"))


def test_temporary_directories_of_killed_supervisors_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    killed, foreign = tmp_path / "partition-pool-metrics-x", tmp_path / "partition-pool-metrics-y"
    for directory in (killed, foreign):
        directory.mkdir()
    (killed / "lock").touch()
    living = UserMetrics(None)
    other = UserMetrics(None)
    assert not killed.exists()
    assert foreign.exists()
    assert living.directory.exists()
    for kept in (living, other):
        kept.close()
        assert not kept.directory.exists()
