"""What surrounds a supervisor: it may open as many files as its workers take, or has as many as there are files for."""

import resource

import pytest

from supervisor.service import allow_files
from workers.errors import ConfigInvalid

NONE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "workers", "raised", "fit"),
    [
        ((2048, 4096), 64, None, 64),
        ((1024, 4096), 64, (1472, 4096), 64),
        ((1024, 4096), 1000, (4096, 4096), 1000),
        ((1024, NONE), 1000, (4280, NONE), 1000),
        ((NONE, NONE), 1000, None, 1000),
        ((1024, 2048), 1000, (2048, 2048), 597),
        ((259, 259), 64, None, 1),
    ],
)
def test_there_are_files_for_all_workers(
    limits: tuple[int, int], workers: int, raised: tuple[int, int] | None, fit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, to: set_to.append(to))
    assert allow_files(workers) == fit
    assert set_to == ([raised] if raised else [])


def test_without_files_for_one_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 258))
    with pytest.raises(ConfigInvalid, match="raise the limit of 258 open files"):
        allow_files(64)
