"""Records that are to be alone are, whatever the guard makes of them, and a transaction holds what it commits."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest

from tests.unit.task_parts import Polls, records
from tests.unit.transactions.parts import Clock, Parts
from workers import App, Retry
from workers.endings import RecordFatal
from workers.guard import Guard
from workers.slot import COMMITTABLE, POSITION
from workers.task import PartitionTask

OK, FLAKY, BAD = "ok", "flaky", "bad"
COUNT = 4
"""And one behind them that succeeds, so that it is known what they are."""


class Transaction:
    """What was committed together."""

    def __init__(self, begin: int, calls: Sequence[Any]) -> None:
        self.begin = begin
        self.end: int = max(call[1] for call in calls if call[0] == "offsets")
        self.sent = [int(call[1]) for call in calls if call[0] == "produce"]


@pytest.mark.parametrize("alone", [*product([False, True], repeat=COUNT + 1)], ids=str)
def test_each_transaction_is_whole_and_what_is_alone_is(alone: Sequence[bool], clock: Clock) -> None:
    for fates in product([OK, FLAKY, BAD], repeat=COUNT):
        done = _run([*fates, OK], {number for number, is_so in enumerate(alone) if is_so})
        assert [number for one in done for number in sorted(one.sent)] == [*range(COUNT + 1)], fates
        for one in done:
            assert sorted(one.sent) == [*range(one.begin, one.end)], (fates, "its results and letters, and no others")
            assert len(one.sent) <= 1 or not any(alone[number] for number in one.sent), fates


def test_a_record_that_ends_the_worker_commits_nothing_that_was_kept_back(clock: Clock) -> None:
    """Without dead letters, but with delayed retries."""
    parts = Parts()
    parts.sink.opened_at = None
    parts.words[POSITION] = parts.words[COMMITTABLE] = 0
    parts.care.isolate(1)
    app = App("group", dead_letter=None, retries=Retry(attempts=1, delayed=["10s"]))

    @app.agent("in", value=int, output="out")
    def fail(number: int) -> int:
        raise ConnectionError(number)

    guard = Guard(parts.words, share=1, window=1000, wait=10)
    with pytest.raises(RecordFatal):
        _task(parts, app, [b"0", b"malformed"], guard).turn()
    assert parts.words[COMMITTABLE] == 0


def _run(fates: Sequence[str], alone: set[int]) -> Sequence[Transaction]:
    parts, tried = Parts(), list[int]()
    parts.producer.calls.clear()
    parts.sink.opened_at = None
    parts.words[POSITION] = parts.words[COMMITTABLE] = 0
    for number in alone:
        parts.care.isolate(number)
    app = App("group", retries=Retry(attempts=1))

    @app.agent("in", value=int, output="out")
    def meet_its_fate(number: int) -> int:
        tried.append(number)
        if fates[number] == BAD or (fates[number] == FLAKY and tried.count(number) == 1):
            raise ConnectionError
        return number

    guard = Guard(parts.words, share=1, window=1000, wait=10)
    task = _task(parts, app, [b"%d" % number for number in range(len(fates))], guard)
    task.turn()
    parts.word.draining = True
    task.run()
    return list(_transactions(parts.producer.calls))


def _task(parts: Parts, app: App, values: Sequence[bytes], guard: Guard) -> PartitionTask:
    return PartitionTask(
        app.agents["in"],
        Polls(records(*values)),
        parts.sink,
        parts.words,
        parts.word,
        group="group",
        flush_interval=3600,
        care=parts.care,
        guard=guard,
    )


def _transactions(calls: Sequence[Any]) -> Sequence[Transaction]:
    done, begin = list[Transaction](), 0
    at = 0
    for number, call in enumerate(calls):
        assert call != "abort"
        if call == "commit":
            done.append(Transaction(begin, calls[at:number]))
            begin, at = done[-1].end, number + 1
    return done
