"""Transactions beside a record that takes long: what goes before it is committed, and who waits gives signs of life."""

import threading

import pytest
from confluent_kafka import KafkaError

from tests.support.wait import wait_for
from tests.unit.messages import message
from tests.unit.task_parts import Polls, records
from tests.unit.transactions.parts import JOINED, Clock, Parts, abortable
from workers import App, Retry
from workers.endings import Fenced, Rewind
from workers.guard import Guard
from workers.sink import Parcel
from workers.slot import AWAITS, BEAT, COMMITTABLE, POSITION
from workers.task import PartitionTask
from workers.transactions import RELIEF_NS
from workers.turn import Turn


def test_calls_that_wait_for_the_brokers_are_told(parts: Parts) -> None:
    seen: list[bool] = []
    parts.producer.on_commit = lambda: seen.append(parts.awaits[-1])
    parts.flush()
    assert seen == [True]
    assert not parts.awaits[-1]


def test_a_failed_call_is_over_too(parts: Parts) -> None:
    parts.producer.errors["commit"].append(KafkaError(KafkaError._FENCED, "", True))
    with pytest.raises(Fenced):
        parts.flush()
    assert not parts.awaits[-1]


def test_what_relieves_the_loop_is_waited_for_and_gives_the_signs_of_life(parts: Parts) -> None:
    """Else a call of its own that never ends would never be found out."""
    parts.awaits.clear()
    held, over = threading.Event(), threading.Event()

    def relieve() -> None:
        with parts.sink.lock:
            held.set()
            assert over.wait(10)

    beside = threading.Thread(target=relieve)
    beside.start()
    assert held.wait(10)
    loop = threading.Thread(target=parts.send, args=(7,))
    loop.start()
    wait_for(lambda: parts.awaits == [True], 10, "it waits")
    over.set()
    beside.join()
    loop.join()
    assert parts.awaits == [True, False]


@pytest.mark.parametrize("waits", [False, True])
def test_a_call_beside_the_loop_is_a_sign_of_life_only_where_the_loop_waits(
    parts: Parts, clock: Clock, waits: bool
) -> None:
    clock.now += RELIEF_NS + 1
    parts.words[AWAITS] = waits
    before = parts.words[BEAT]
    parts.word.tick()
    assert parts.words[COMMITTABLE] == 7
    assert (parts.words[BEAT] > before) == waits


def test_a_slow_record_is_relieved_of_the_results_before_it(parts: Parts, clock: Clock) -> None:
    parts.word.tick()
    assert parts.words[COMMITTABLE] == 5
    clock.now += RELIEF_NS + 1
    signs = parts.signs
    parts.word.tick()
    assert parts.signs == signs, "the handler gives none"
    assert parts.producer.calls[-2:] == [("offsets", 7, JOINED), "commit"]
    assert parts.words[COMMITTABLE] == 7
    parts.word.tick()
    parts.send(7)
    assert parts.producer.calls[-2:] == ["begin", ("produce", b"7")], "a transaction of its own"


def test_a_record_that_has_sent_something_is_not_relieved(parts: Parts, clock: Clock) -> None:
    parts.send(7)
    clock.now += RELIEF_NS + 1
    parts.word.tick()
    assert parts.words[COMMITTABLE] == 5


def test_a_letter_that_comes_late_hides_no_result_behind_it(parts: Parts, clock: Clock) -> None:
    assert parts.sink.send(Parcel("dead", b"", None), message(b"", offset=5))
    parts.words[POSITION] = 6
    clock.now += RELIEF_NS + 1
    parts.word.tick()
    assert parts.words[COMMITTABLE] == 5, "record 6 has sent something already"


def test_within_a_turn_the_record_in_hand_is_relieved(parts: Parts, clock: Clock) -> None:
    turn = Turn([message(b"", offset=offset) for offset in (7, 8, 9, 10)])
    parts.word.guard(turn)
    for _ in range(2):
        next(turn.records)
    turn.end()
    clock.now += RELIEF_NS + 1
    parts.word.tick()
    assert parts.words[COMMITTABLE] == 8
    assert parts.word.looks, "how far it has got is told while brokers are waited for"


def test_a_turn_that_was_ended_relieves_nothing_that_was_not_drawn(parts: Parts, clock: Clock) -> None:
    turn = Turn([message(b"", offset=offset) for offset in (7, 8, 9, 10)])
    parts.word.guard(turn)
    next(turn.records)
    turn.end()
    assert list(turn.records) == []
    clock.now += RELIEF_NS + 1
    parts.word.tick()
    assert parts.words[COMMITTABLE] == 7


def test_a_relief_that_fails_is_the_loops_to_deal_with(parts: Parts, clock: Clock) -> None:
    clock.now += RELIEF_NS + 1
    parts.producer.errors["offsets"].append(abortable(KafkaError.ILLEGAL_GENERATION))
    parts.word.tick()
    parts.producer.reports.append((0, KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))
    parts.word.tick()
    assert parts.words[COMMITTABLE] == 5
    with pytest.raises(Rewind, match="refused"):
        parts.flush()


def test_while_records_before_a_success_are_tried_again_what_is_done_is_committed(clock: Clock) -> None:
    app, tried = App("group", retries=Retry(attempts=1)), list[int]()
    committed: dict[int, int] = {}
    parts = Parts()

    @app.agent("in", value=int, output="out")
    def fail_once(number: int) -> int:
        tried.append(number)
        if number > 0 and tried.count(number) == 2:
            clock.now += RELIEF_NS + 1
            parts.word.tick()
            committed[number] = parts.words[COMMITTABLE]
        if number in (1, 2, 3) and tried.count(number) == 1:
            raise ConnectionError
        return number

    parts.words[POSITION] = parts.words[COMMITTABLE] = 0
    guard = Guard(parts.words, share=0.5, window=100, wait=10)
    task = PartitionTask(
        app.agents["in"],
        Polls(records(b"0", b"1", b"2", b"3", b"4", b"5")),
        parts.sink,
        parts.words,
        parts.word,
        group="group",
        flush_interval=3600,
        guard=guard,
    )
    task.turn()
    assert tried == [0, 1, 2, 3, 4, 1, 2, 3, 4, 5]
    assert committed == {1: 1, 2: 2, 3: 3, 4: 4}
