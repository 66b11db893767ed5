"""What is called beside the loop has an outcome in any case."""

import threading

import pytest

from supervisor.background import in_background


def test_what_is_raised_is_raised_where_the_result_is_asked_for() -> None:
    with pytest.raises(ZeroDivisionError):
        in_background(lambda: 1 // 0).result(5)
    assert in_background(lambda: 7).result(5) == 7


def test_without_a_thread_it_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        in_background(lambda: 7).result(0)
