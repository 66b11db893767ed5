"""The live display: all that is known of a load, on a terminal and in lines."""

import io
import time

import pytest
from rich.console import Console

from supervisor.interrupt import Interrupt
from supervisor.load_crew import Crew
from supervisor.load_member import Work
from supervisor.load_options import LoadOptions, contents
from supervisor.load_run import LoadRun
from supervisor.load_verification import Expect, Verification
from supervisor.load_view import LoadView
from supervisor.load_watch import PoolWatch
from supervisor.schedule import Steady

OPTIONS = LoadOptions(topic="in", rate=10.0)


def load() -> LoadRun:
    """A load of which two samples were taken; nothing of it runs."""
    what = contents(OPTIONS)
    crew = Crew(Work({}, "in", what.payload, what.plain, Steady(10.0), None, None), 1)
    found = LoadRun(crew, PoolWatch((), "in"), Interrupt(), None, Verification(Expect.AUTO), lambda _load: None)
    for _ in range(2):
        crew.totals.acknowledged += 1234
        crew.news.add(0.25)
        found._sampled_at = time.monotonic() - 1
        found.sample()
    return found


@pytest.mark.parametrize("terminal", [True, False])
def test_it_shows_what_is_known(terminal: bool) -> None:
    out = io.StringIO()
    with LoadView(Console(file=out, force_terminal=terminal, width=100), OPTIONS) as view:
        view._next = 0.0
        view.note("found something")
        view.show(load())
    text = out.getvalue()
    for fact in ("2,468", "250 ms", "found something", "sending"):
        assert fact in text
    assert ("██" in text) is terminal  # the history of both samples


def test_lines_come_once_a_second() -> None:
    out = io.StringIO()
    with LoadView(Console(file=out), OPTIONS) as view:
        view._next = 0.0
        view.show(load())
        view.show(load())
    assert out.getvalue().count("\n") == 1


def test_two_samples_differ_by_what_happened_in_between() -> None:
    found = load()
    assert [sample.acknowledged for sample in found.samples] == pytest.approx([1234, 1234], rel=0.05)
    assert [sample.acknowledgement.count for sample in found.samples] == [1, 1]
    assert found.acknowledgement.count == 2
