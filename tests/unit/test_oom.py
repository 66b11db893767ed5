"""The kernel's count of processes killed for memory is found in either version of cgroups."""

from pathlib import Path

import pytest

from supervisor.oom import RECENT, OomKills

V1, V2 = "4:memory:/pods/one\n1:cpu:/", "0::/pods/one"


@pytest.mark.parametrize(
    ("membership", "file"),
    [
        (V1, "memory/pods/one/memory.oom_control"),
        (V1, "memory/memory.oom_control"),
        (V2, "pods/one/memory.events"),
        (V2, "memory.events"),
    ],
)
def test_a_rise(tmp_path: Path, membership: str, file: str) -> None:
    (tmp_path / "cgroup").write_text(membership)
    counter = tmp_path / file
    counter.parent.mkdir(parents=True, exist_ok=True)
    counter.write_text("oom 9\noom_kill 3\n")
    kills = OomKills(tmp_path / "cgroup", tmp_path)
    assert not kills.recent()
    counter.write_text("oom 9\noom_kill 4\n")
    assert kills.recent()
    assert kills.recent(), "several workers may have died of it"


def test_a_rise_of_long_ago_is_no_recent_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("supervisor.oom.monotonic", lambda: now)
    (tmp_path / "cgroup").write_text(V2)
    counter = tmp_path / "memory.events"
    counter.write_text("oom_kill 3\n")
    kills = OomKills(tmp_path / "cgroup", tmp_path)
    counter.write_text("oom_kill 4\n")
    kills.look()
    now += RECENT + 1
    assert not kills.recent(), "somebody's SIGKILL now has nothing to do with it"


@pytest.mark.parametrize("membership", [V1, V2, "", None])
def test_no_counter(tmp_path: Path, membership: str | None) -> None:
    if membership is not None:
        (tmp_path / "cgroup").write_text(membership)
    assert not OomKills(tmp_path / "cgroup", tmp_path).recent()
