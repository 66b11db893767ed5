"""What surrounds a supervisor: how many files it may open."""

import resource

import pytest

from supervisor.service import allow_files
from workers.errors import ConfigInvalid

NONE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "workers", "after"),
    [
        ((1024, 4096), 64, None),
        ((1024, 4096), 1000, (3256, 4096)),
        ((1024, NONE), 1000, (3256, NONE)),
        ((NONE, NONE), 1000, None),
    ],
)
def test_there_are_files_for_all_workers(
    limits: tuple[int, int], workers: int, after: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, to: set_to.append(to))
    allow_files(workers)
    assert set_to == ([after] if after else [])


def test_more_workers_than_may_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 2048))
    with pytest.raises(ConfigInvalid, match="max_workers 1000 takes 3256 open files, and 2048 are allowed"):
        allow_files(1000)
