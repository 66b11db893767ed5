"""What surrounds a supervisor: it may open as many files as its workers take, or as many as are allowed."""

import resource

import pytest

from supervisor.service import allow_files

NONE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "workers", "after"),
    [
        ((1024, 4096), 64, None),
        ((1024, 4096), 1000, (3256, 4096)),
        ((1024, NONE), 1000, (3256, NONE)),
        ((NONE, NONE), 1000, None),
        ((1024, 2048), 1000, (2048, 2048)),
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
