"""What a worker's clients have to say is heard, however long nothing is wanted of them: it would fill memory."""

from time import monotonic_ns

import pytest

from tests.unit.messages import message
from tests.unit.task_parts import Bench
from workers import App, task
from workers.source import Batch


@pytest.fixture
def app() -> App:
    made = App("group")
    made.agent("in", value=bytes, output="out")(lambda value: value)
    return made


class Clock:
    """The monotonic clock, turned on by each wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = 0
        monkeypatch.setattr(task, "monotonic_ns", lambda: monotonic_ns() + self.passed)

    def passes(self, seconds: float) -> None:
        self.passed += int(seconds * 1e9)


def test_an_idle_worker_hears_what_its_producer_has_to_say(app: App) -> None:
    bench = Bench(app)
    for _ in range(3):
        bench.task.turn()
    assert bench.brokers.asked == 3


def test_a_worker_that_waits_for_the_lease_hears_what_its_consumer_has_to_say(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, bench = Clock(monkeypatch), Bench(app)
    bench.word.lease = False

    def passes() -> None:
        clock.passes(10.0)
        bench.word.lease = len(bench.word.waits) == 10

    bench.word.on_wait = passes
    bench.task.turn()
    assert 2 <= bench.polls.served <= 4, "from a minute on"


def test_so_does_one_that_waits_for_acknowledgements(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, bench = Clock(monkeypatch), Bench(app, Batch([message(b"1", offset=0)]))
    bench.brokers.wave = 0

    def passes() -> None:
        clock.passes(10.0)
        bench.brokers.wave = 10 if bench.brokers.waits > 10 else 0

    bench.brokers.on_wait = passes
    bench.run()
    assert bench.polls.served >= 2
    assert bench.brokers.values() == [b"1"]


def test_a_slow_handler_costs_nothing_of_what_was_read_ahead(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    bench = Bench(app, *[Batch([message(b"1", offset=number)]) for number in range(5)], flush_interval=0)
    bench.brokers.on_wait = lambda: clock.passes(50.0)
    for _ in range(5):
        bench.task.turn()
    assert bench.polls.served == 0
