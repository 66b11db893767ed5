"""An overlay's numbers are read as they were written, and what cannot be is told with its cure."""

from pathlib import Path

import pytest

from supervisor.overlay import Numbers, OverlayUnusable, read, write

NUMBERS = Numbers(
    topic="readings",
    output="alerts",
    dead_letters="readings.g.dead",
    group="g",
    partitions=12,
    replicas=6,
    min_replicas=1,
    max_workers="12",
    lag_threshold="1000",
    cpu="500m",
    memory="512Mi",
    max_memory="209715200",
    memory_budget="419430400",
    planned_for={"rate": 1000.0},
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kustomization.yaml").touch()
    return tmp_path


def test_what_is_written_is_read(folder: Path) -> None:
    assert write(folder, NUMBERS) == folder / "plan.json"
    assert read(folder) == NUMBERS
    assert '"config.kubernetes.io/local-config": "true"' in (folder / "plan.json").read_text()


def test_only_overlays_are_written_to(tmp_path: Path) -> None:
    with pytest.raises(OverlayUnusable, match=r"is no overlay: .*; copy deploy/k8s/overlays/production"):
        write(tmp_path, NUMBERS)
    assert list(tmp_path.iterdir()) == []


def test_one_without_a_plan(folder: Path) -> None:
    with pytest.raises(OverlayUnusable, match=r"plan\.json: No such file"):
        read(folder)


def test_a_plan_with_a_mistake(folder: Path) -> None:
    text = write(folder, NUMBERS).read_text().replace('"partitions": 12', '"partitions": "twelve"')
    (folder / "plan.json").write_text(text)
    with pytest.raises(OverlayUnusable, match=r"Expected `int`.*plan --kustomize"):
        read(folder)
