"""The lease: without it nothing is handled and nothing sent, be it in hand already."""

import pytest

from tests.unit.task_parts import Bench, records
from workers import App, Retry
from workers.endings import LeaseLost


def make_bench(lose: str = "b") -> Bench:
    """Each record's text is its result; while record `lose` is handled, the lease ends."""
    app = App("group", retries=Retry(attempts=1))

    @app.agent("in", value=str, output="out", codec="raw")
    def same(text: str) -> str:
        if text == lose:
            bench.word.lease = False
        return text

    bench = Bench(app, records(b"a", b"b", b"c"))
    return bench


def test_without_a_lease_nothing_is_polled() -> None:
    bench = make_bench()
    bench.word.lease = False
    bench.word.on_wait = bench.word.drain
    bench.task.run()
    assert bench.position == 0


def test_a_result_in_hand_waits_for_the_lease() -> None:
    bench = make_bench()
    sent: list[int] = []

    def come_back() -> None:
        sent.append(bench.brokers.pending())
        bench.word.lease = len(sent) == 3

    bench.word.on_wait = come_back
    bench.run()
    assert sent == [1, 1, 1]
    assert bench.brokers.values() == [b"a", b"b", b"c"]


def test_a_result_in_hand_when_a_drain_comes_is_not_sent_without_a_lease() -> None:
    bench = make_bench()
    bench.word.on_wait = bench.word.drain
    with pytest.raises(LeaseLost, match="read again"):
        bench.task.run()
    assert bench.position == 1
    assert bench.brokers.pending() == 1


def test_results_still_unsent_long_after_the_lease_end_the_worker() -> None:
    bench = make_bench(lose="c")
    bench.brokers.wave = 0
    bench.word.over = True
    with pytest.raises(LeaseLost, match="2 results were unsent"):
        bench.task.turn()
    assert bench.committable == 0


def test_a_flush_ends_with_the_lease() -> None:
    bench = make_bench(lose="")
    bench.brokers.wave = 0
    bench.task.turn()
    bench.brokers.on_wait = lambda: setattr(bench.word, "over", True)
    with pytest.raises(LeaseLost, match="3 results were unsent"):
        bench.task.turn()
    assert bench.committable == 0


def test_acknowledged_results_pass_even_late() -> None:
    bench = make_bench(lose="")
    bench.task.turn()
    bench.word.lease, bench.word.over = False, True
    bench.word.drain()
    bench.task.run()
    assert bench.committable == 3
