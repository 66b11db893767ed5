"""What is made of a load's findings: the verdict, the page, and the events of a pool."""

import re
import time
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from rich.console import Console

from supervisor.latencies import Latencies
from supervisor.load_chart import WIDTH
from supervisor.load_found import Found
from supervisor.load_page import page
from supervisor.load_result import Capacity, LoadResult, Percentiles, Sample, Tried, Verdict
from supervisor.load_summary import capacity_lines, summary
from supervisor.load_watch import Event, changes
from supervisor.status import PartitionStatus, PoolStatus


def percentiles(*milliseconds: float) -> Percentiles:
    latencies = Latencies()
    for one in milliseconds:
        latencies.add(one / 1000)
    return Percentiles.of(latencies)


FOUND = Found(
    output="out",
    expect="hot",
    acknowledged=100,
    copies=100,
    records=100,
    expected=5,
    answered=5,
    results=5,
    missing=0,
    missing_numbers=[],
    repeated=0,
    disordered=0,
    unfounded=0,
    unnumbered=0,
    exactly_once=False,
    error=None,
)

RESULT = LoadResult(
    topic="in <b>",
    begun="2026-01-31T12:00:00+00:00",
    command="load in",
    processes=1,
    partitions=4,
    sent=100,
    acknowledged=100,
    failed=0,
    failures={},
    behind=0,
    seconds=2.0,
    rate=50.0,
    sampled=False,
    acknowledgement=percentiles(1, 2, 300),
    end_to_end=percentiles(5, 6, 7),
    verified=FOUND,
    samples=[
        Sample(
            at=float(at),
            sent=50.0,
            acknowledged=50.0,
            results=2.0,
            lag=at,
            open=0,
            acknowledgement=percentiles(at),
            end_to_end=percentiles(*([] if at == 2 else [at])),
        )
        for at in (1, 2, 3)
    ],
    events=[Event(1.5, "restart", "worker of in[2] replaced")],
)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, Verdict.KEPT),
        ({"missing": 1}, Verdict.BROKEN),
        ({"repeated": 3}, Verdict.KEPT),
        ({"repeated": 3, "exactly_once": True}, Verdict.BROKEN),
        ({"disordered": 1}, Verdict.BROKEN),
        ({"unfounded": 1}, Verdict.BROKEN),
        ({"unnumbered": 1}, Verdict.BROKEN),
        ({"error": "gone"}, Verdict.UNCERTAIN),
        ({"error": "gone", "missing": 1}, Verdict.UNCERTAIN),
        ({"error": "gone", "results": 0, "answered": 0, "missing": 5}, Verdict.UNCERTAIN),
        ({"error": "gone", "disordered": 1}, Verdict.BROKEN),
        ({"results": 0, "answered": 0, "missing": 5}, Verdict.BROKEN),
        ({"copies": 99}, Verdict.UNCERTAIN),
        ({"copies": 101}, Verdict.KEPT),
    ],
)
def test_what_breaks_a_promise_and_what_leaves_it_open(change: dict[str, Any], verdict: Verdict) -> None:
    result = replace(RESULT, verified=replace(FOUND, **change))
    assert result.verdict is verdict
    console = Console(width=200)
    with console.capture() as written:
        console.print(summary(result))
    for mark, shown in (("✘", verdict is Verdict.BROKEN), ("?", "error" in change or change.get("copies") == 99)):
        assert (f"\n {mark} " in written.get()) is shown
        assert (f">{mark} " in page(result)) is shown
    assert verdict in page(result)
    assert verdict.good is (verdict is Verdict.KEPT)


def test_a_record_that_was_not_acknowledged_is_a_failure() -> None:
    assert replace(RESULT, failed=1, verified=None).verdict is Verdict.FAILED
    assert replace(RESULT, failed=1).verdict is Verdict.FAILED


@pytest.mark.parametrize("expected", [0, None])
def test_where_nothing_was_to_have_a_result_nothing_is_proven(expected: int | None) -> None:
    idle = replace(FOUND, expected=expected, answered=0, results=0)
    result = replace(RESULT, verified=idle)
    assert (result.verdict, result.verdict.good) == (Verdict.UNPROVEN, True)
    assert "nothing is proven" in page(result)
    assert replace(RESULT, verified=replace(idle, unnumbered=1)).verdict is Verdict.BROKEN


def test_a_fatal_error_is_a_failure_and_is_told() -> None:
    result = replace(RESULT, fatal="OUT_OF_ORDER_SEQUENCE_NUMBER: <made up>", verified=None)
    assert result.verdict is Verdict.FATAL
    console = Console(width=200)
    with console.capture() as written:
        console.print(summary(result))
    assert "OUT_OF_ORDER_SEQUENCE_NUMBER: <made up>" in written.get()
    assert "Nothing more could be sent. OUT_OF_ORDER_SEQUENCE_NUMBER: &lt;made up&gt;" in page(result)


def test_no_capacity_is_no_success() -> None:
    none = Capacity(
        tried=[Tried(rate=1000.0, kept_up=False, why="no results")],
        rate=None,
        bounded=True,
        partitions=4,
        replicas=None,
        target=None,
        target_partitions=None,
        target_replicas=None,
    )
    assert replace(RESULT, capacity=none).verdict is Verdict.INCAPABLE
    assert replace(RESULT, capacity=replace(none, rate=1000.0)).verdict is Verdict.KEPT
    assert '<div class="verdict bad">The pool kept up with no rate' in page(replace(RESULT, capacity=none))


class Checked(HTMLParser):
    """Follows tags, and fails where one is closed that is not open."""

    VOID = ("meta", "line", "circle", "path", "rect")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.charts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.charts += tag == "svg"
        assert not {name for name, _ in attrs} & {"src", "href"}, "the page needs nothing from elsewhere"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    text = page(RESULT)
    checked = Checked()
    checked.feed(text)
    assert checked.open == []
    assert checked.charts == 4
    assert "in &lt;b&gt;" in text
    assert "<b>" not in text.replace("<div class=card><b>", "")
    assert not re.search(r"url\(|@import|https?://", text)


def test_an_event_is_drawn_at_its_time_in_every_chart() -> None:
    text = page(RESULT)
    places = re.findall(r'class="event restart"><title>.*?</title><line x1="([\d.]+)"', text)
    assert len(places) == 4
    assert set(places) == {"504.0"}  # half way between the axis at 64 and the edge at 944


def test_the_page_of_a_long_load_is_made_at_once() -> None:
    samples = [replace(RESULT.samples[0], at=float(at)) for at in range(8 * 3600)]
    begun = time.monotonic()
    text = page(replace(RESULT, samples=samples))
    assert time.monotonic() - begun < 10
    assert text.count('class="hover"') <= 4 * WIDTH
    assert "14400.0 s\nsent: 50.0" in text  # in the middle


def test_a_page_of_nothing_can_be_made() -> None:
    nothing = Percentiles(0)
    text = page(replace(RESULT, samples=[], events=[], verified=None, end_to_end=None, acknowledgement=nothing))
    assert "svg" not in text.split("</style>")[1]


def test_the_document_can_be_read_back() -> None:
    assert msgspec.json.decode(msgspec.json.encode(RESULT), type=LoadResult) == RESULT


def test_capacity_says_what_a_target_needs() -> None:
    tried = [Tried(rate=1000.0, kept_up=True, why="kept up")]
    capacity = Capacity(
        tried=tried,
        rate=1000.0,
        bounded=True,
        partitions=4,
        replicas=1,
        target=2000.0,
        target_partitions=11,
        target_replicas=3,
    )
    first, second = capacity_lines(capacity)
    assert first == "1,000 records/s with 4 partitions and 1 replica: 250 a partition."
    assert second.startswith("2,000 records/s need 11 partitions and 3 replicas like this")
    assert capacity_lines(replace(capacity, rate=None)) == ["The pool kept up with none of these rates."]


def test_capacity_does_not_guess() -> None:
    tried = [Tried(rate=1000.0, kept_up=None, why="interrupted")]
    capacity = Capacity(tried=tried, rate=None, bounded=False, partitions=4, replicas=None)
    assert capacity_lines(capacity) == ["How much the pool can do is not known."]
    first, second, third = capacity_lines(replace(capacity, rate=500.0, target=1000.0, target_partitions=11))
    assert first == "at least 500 records/s with 4 partitions: 125 a partition."
    assert second.startswith("1,000 records/s need 11 partitions (")
    assert "replicas" not in second
    assert third.startswith("How many replicas that were is not known")


@pytest.mark.parametrize(
    ("change", "told", "text"),
    [
        ({}, True, "in order within a key"),
        ({"keyed": False}, False, "in order within a key"),
        ({}, False, "not of this load"),
        ({"foreign": 7}, True, "7 records in the topic that are not of this load"),
    ],
)
def test_only_what_was_looked_at_is_told(change: dict[str, Any], told: bool, text: str) -> None:
    result = replace(RESULT, verified=replace(FOUND, **change))
    console = Console(width=200)
    with console.capture() as written:
        console.print(summary(result))
    assert (text in written.get()) is told
    assert (text in page(result)) is told


def status(*partitions: PartitionStatus, **facts: Any) -> PoolStatus:
    told = {"state": "running", "group": "g", "generation": 3, "protocol": "classic", "uptime_s": 1.0, **facts}
    return PoolStatus(partitions=list(partitions), **told)


def place(number: int, state: str = "running", restarts: int = 0) -> PartitionStatus:
    return PartitionStatus(topic="in", partition=number, state=state, restarts=restarts)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (status(place(0)), status(place(0)), []),
        (status(place(0)), status(place(0, restarts=1)), [("restart", "worker of in[0] replaced")]),
        (status(place(0)), status(place(0, "backing_off")), [("worker", "worker of in[0] backing off")]),
        (status(place(0)), status(place(0), generation=4), [("rebalance", "generation 4")]),
        (
            status(place(0), place(1)),
            status(place(1), place(2)),
            [("rebalance", "gets in[2], gives up in[0]")],
        ),
        (status(place(0)), None, [("pool", "no answer")]),
        (None, status(place(0)), [("pool", "answers, running")]),
        (None, None, []),
    ],
)
def test_what_happened_between_two_looks(
    before: PoolStatus | None, after: PoolStatus | None, found: list[tuple[str, str]]
) -> None:
    assert changes(before, after) == found
