"""How long results wait for company: no longer than they must, but for those of a backlog."""

import pytest

from tests.unit.task_parts import Bench, records
from workers import App, Retry
from workers.source import Batch

LINGER = 0.005


class Clock:
    """The monotonic clock, as a test turns it."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("workers.outbox.monotonic", clock)
    return clock


def make_bench(*batches: Batch, linger: float | None = LINGER) -> Bench:
    """Each record's text is its result; of an empty one, none; of "bad", a dead letter."""
    app = App("group", retries=Retry(attempts=1))

    @app.agent("in", value=str, output="out", codec="raw")
    def same(text: str) -> str | None:
        if text == "bad":
            raise ValueError(text)
        return text or None

    return Bench(app, *batches, linger=linger)


def test_a_result_after_a_pause_is_sent_at_once(clock: Clock) -> None:
    bench = make_bench(records(b"a"))
    bench.task.turn()
    assert bench.brokers.values() == [b"a"]
    assert bench.committable == 1
    clock.now += 1
    bench.task.turn()
    assert bench.polls.patience is None, "nothing is waited with"


def test_those_behind_it_wait_until_it_is_time(clock: Clock) -> None:
    bench = make_bench(*(records(b"%d" % number, offsets=[number]) for number in range(3)))
    bench.task.turn()
    clock.now += 0.002
    bench.task.turn()
    assert bench.brokers.values() == [b"0"]
    bench.task.turn()
    assert bench.polls.patience == pytest.approx(0.003)
    clock.now += 0.003
    bench.task.turn()
    assert bench.polls.patience == 0
    assert bench.brokers.values() == [b"0", b"1", b"2"], "also where no record comes"


def test_those_of_a_backlog_are_left_to_the_client(clock: Clock) -> None:
    behind = records(b"a")._replace(behind=True)
    bench = make_bench(behind, records(b"", offsets=[1]))
    bench.task.turn()
    assert bench.brokers.waits == 0
    clock.now += 1
    bench.task.turn()
    assert bench.brokers.values() == [b"a"], "now there is none any more"


def test_a_dead_letter_is_sent_as_soon(clock: Clock) -> None:
    bench = make_bench(records(b"bad"))
    clock.now += 1
    bench.task.turn()
    assert len(bench.brokers.letters()) == 1


def test_without_a_linger_of_its_own_nothing_is_pushed(clock: Clock) -> None:
    bench = make_bench(records(b"a"), linger=None)
    bench.task.turn()
    clock.now += 1
    assert bench.brokers.waits == 0
