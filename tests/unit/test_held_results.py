"""While it is made sure that results are acknowledged, records go on being handled and their results are held back."""

import pytest

from tests.unit.task_parts import Bench, Brokers, records
from workers import App, Retry
from workers.errors import ResultRefused
from workers.queues import HELD, Most
from workers.sink import Parcel


def make_bench(brokers: Brokers, polls: int = 4, held: Most = HELD) -> Bench:
    """Each record's text is its result; results are made sure of after each turn."""
    app = App("group", retries=Retry(attempts=1))

    @app.agent("in", value=str, output="out", codec="raw")
    def same(text: str) -> str:
        return text

    batches = [records(b"%d" % number, offsets=[number]) for number in range(polls)]
    return Bench(app, *batches, brokers=brokers, flush_interval=0, held=held)


def test_nobody_waits_and_only_what_was_sent_before_is_committable() -> None:
    brokers = Brokers()
    brokers.wave = 0  # as yet nothing is acknowledged
    bench = make_bench(brokers)
    for _ in range(3):
        bench.task.turn()
    assert (bench.position, bench.committable) == (3, 0)
    assert brokers.pending() == 1, "the results of the second and third turn are held back"

    brokers.wave = 1
    brokers.wait(0)
    bench.task.turn()
    assert bench.committable == 1, "the first result's acknowledgement tells nothing of those behind it"
    assert brokers.pending() == 3

    bench.word.drain()
    bench.task.run()
    assert brokers.values() == [b"0", b"1", b"2", b"3"]
    assert bench.committable == 4


@pytest.mark.parametrize("most", [Most(1, 1000), Most(1000, 2)], ids=["results", "bytes, with their records'"])
def test_no_more_are_held_than_may_be(most: Most) -> None:
    brokers = Brokers()
    brokers.wave = 0
    bench = make_bench(brokers, held=most)
    bench.task.turn()
    bench.task.turn()
    assert brokers.pending() == 1, "the second one is held back"
    waits = brokers.waits
    brokers.on_wait = lambda: setattr(brokers, "wave", 1_000_000)
    bench.task.turn()
    assert brokers.waits > waits, "the third one has to wait"
    bench.run()
    assert brokers.values() == [b"0", b"1", b"2", b"3"]


def test_what_finds_no_room_stays_held_and_in_order() -> None:
    brokers = Brokers()
    brokers.room, brokers.wave = 1, 0
    bench = make_bench(brokers)
    for _ in range(3):
        bench.task.turn()
    brokers.wave = 1
    bench.run()
    assert brokers.values() == [b"0", b"1", b"2", b"3"]
    assert bench.committable == 4


def test_a_refusal_of_what_was_held_is_its_records_dead_letter() -> None:
    def verdict(parcel: Parcel) -> ResultRefused | None:
        return ResultRefused("no") if parcel.topic == "out" and parcel.value == b"1" else None

    brokers = Brokers(verdict=verdict)
    brokers.wave = 0
    bench = make_bench(brokers)
    for _ in range(3):
        bench.task.turn()
    brokers.wave = 1
    bench.run()
    assert brokers.values() == [b"0", b"2", b"3"]
    assert [letter["pool.origin.offset"] for letter in brokers.letters()] == [b"1"]
    assert bench.committable == 4
