"""An outage puts nothing aside and overtakes nothing; a record that fails by itself holds nobody up for long."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from confluent_kafka import Message

from tests.unit.messages import message
from tests.unit.task_parts import Brokers, Word
from workers import App, Reject, Retry
from workers.guard import FIRST_DELAY, IN_ROW, LONGEST_DELAY, MOST_IN_ROW, PATIENCE_SECONDS, Guard
from workers.replay import REPLAY_GROUP
from workers.slot import COMMITTABLE, GUARDED, POSITION, SLOT_BYTES
from workers.source import Batch
from workers.task import PartitionTask

WAIT = 10.0


class Log:
    """A partition that can be read again."""

    def __init__(self, count: int, keys: int, at_once: int, replayed: Sequence[int]) -> None:
        ours = [(REPLAY_GROUP, b"group")]
        self.messages = [
            message(b"%d" % n, offset=n, key=b"%d" % (n % keys), headers=ours if n in replayed else None)
            for n in range(count)
        ]
        self.next = 0
        self.rewinds: list[int] = []
        self._at_once = at_once

    def poll(self, patience: float | None = None) -> Batch:  # noqa: ARG002 - a test waits for nothing
        found: Sequence[Message] = self.messages[self.next : self.next + self._at_once]
        self.next += len(found)
        return Batch([*found])

    def high_watermark(self) -> int:
        return len(self.messages)

    def rewind(self, offset: int) -> None:
        self.rewinds.append(offset)
        self.next = offset


class Partition:
    """A partition of numbered records with a task, and a downstream that a test switches off.

    Args:
        count: how many records there are.
        bad: those that always fail.
        malformed: those that are refused.
        replayed: those that have failed before.
        keys: how many keys they share.
        retries: the agent's.
        batch: the agent's.
    """

    def __init__(
        self,
        count: int,
        *,
        bad: Sequence[int] = (),
        malformed: Sequence[int] = (),
        replayed: Sequence[int] = (),
        keys: int = 1,
        retries: Retry = Retry(attempts=2, backoff=0),  # noqa: B008 frozen
        batch: int | None = None,
        at_once: int = 20,
        share: float = 0.5,
        window: int = 100,
    ) -> None:
        self.down = False
        self.now = 0.0
        self.tried: list[int] = []
        self.on_try: Callable[[int], None] = lambda _: None
        self.log = Log(count, keys, at_once, replayed)
        self.words = memoryview(bytearray(SLOT_BYTES)).cast("q")
        self.brokers = Brokers(at_once=True)
        self.word = Word()
        self.word.on_wait = self._passes

        def handle(number: int) -> int:
            self.tried.append(number)
            self.on_try(number)
            if number in malformed:
                raise Reject("malformed")
            if self.down or number in bad:
                raise ConnectionError(number)
            return number

        app = App("group", retries=retries)
        if batch is None:
            app.agent("in", value=int, output="out")(handle)
        else:

            @app.agent("in", value=int, output="out", batch=batch)
            def several(numbers: list[int]) -> list[int]:
                return [handle(number) for number in numbers]

        guard = Guard(self.words, share=share, window=window, wait=WAIT, clock=lambda: self.now)
        self.task = PartitionTask(
            app.agents["in"],
            self.log,
            self.brokers,
            self.words,
            self.word,
            group="group",
            flush_interval=0,
            guard=guard,
        )

    def _passes(self) -> None:
        self.now += self.word.waits[-1]
        self.at(self.now)

    at: Callable[[float], None] = staticmethod(lambda _: None)
    """Called with the time at each wait."""

    def run(self, *, idle: float = 0.0) -> None:
        """Read to the end, stay idle for so many seconds, then drain."""
        since = self.now
        for _ in range(100_000):
            unread = self.log.next < len(self.log.messages)
            self._turn()
            if unread or self.log.next < len(self.log.messages):
                since = self.now
            elif self.now >= since + idle:
                break
            else:
                self.now += 0.1
        else:
            raise AssertionError("it does not come to its end")
        self.word.drain()
        self.task.run()

    def _turn(self) -> None:
        from workers.endings import Rewind

        try:
            self.task.turn()
        except Rewind as cause:
            self.task._rewind(cause)

    @property
    def results(self) -> list[int]:
        return [int(value or b"") for value in self.brokers.values()]

    @property
    def letters(self) -> list[int]:
        return [int(letter["pool.origin.offset"]) for letter in self.brokers.letters()]

    @property
    def waiting(self) -> list[int]:
        return [
            int(dict(parcel.headers or ())["pool.origin.offset"] or b"")
            for parcel in self.brokers.taken
            if "retry" in parcel.topic
        ]

    @property
    def committable(self) -> int:
        return self.words[COMMITTABLE]


@pytest.mark.parametrize("batch", [None, 7])
@pytest.mark.parametrize("keys", [1, 50])
@pytest.mark.parametrize("at_once", [1, 20, 1000])
@pytest.mark.parametrize("began", [0, 33, 98])
def test_an_outage_of_a_minute_leaves_no_letter_and_keeps_the_order(
    batch: int | None, keys: int, at_once: int, began: int
) -> None:
    partition = Partition(
        100, batch=batch, keys=keys, at_once=at_once, retries=Retry(attempts=3, backoff=0.1, max_backoff=1.0)
    )

    def on_try(number: int) -> None:
        partition.down = partition.now < 60 and number >= began

    partition.on_try = on_try
    partition.run(idle=70)
    assert partition.letters == []
    assert partition.results == list(range(100))
    assert partition.committable == 100
    assert partition.now >= 60


def test_the_position_goes_back_before_what_is_kept_back_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the two nothing else would keep a commit from beside the loop away from them."""
    partition, left = Partition(20), list[int]()
    failures = partition.task._failures
    forget = failures.forget

    def watched() -> None:
        left.append(partition.words[POSITION])
        forget()

    monkeypatch.setattr(failures, "forget", watched)

    def on_try(number: int) -> None:
        partition.down = partition.now < 60 and number >= 3

    partition.on_try = on_try
    partition.run(idle=70)
    assert left[0] == 3
    assert partition.results == list(range(20))


@pytest.mark.parametrize("keys", [1, 50])
def test_while_it_lasts_nothing_is_passed_that_is_not_done(keys: int) -> None:
    partition = Partition(100, keys=keys)
    seen: list[tuple[int, int, int]] = []
    partition.at = lambda _: seen.append((partition.words[POSITION], partition.committable, partition.words[GUARDED]))

    def on_try(number: int) -> None:
        partition.down = partition.now < 60 and number >= 40

    partition.on_try = on_try
    partition.run()
    held = [one for one in seen if one[2]]
    assert {committable for _, committable, _ in held} == {40}
    assert {position for position, _, _ in held} <= set(range(40, 60))
    assert partition.words[GUARDED] == 0
    assert partition.results == list(range(100))
    assert set(partition.log.rewinds) == {40}


def test_the_held_record_is_tried_less_and_less_often() -> None:
    partition = Partition(100)
    moments: list[float] = []

    def on_try(number: int) -> None:
        partition.down = partition.now < 60
        if number == 0:
            moments.append(partition.now)

    partition.on_try = on_try
    partition.run()
    gaps = [after - before for before, after in pairwise(moments) if after > before]
    assert FIRST_DELAY / 2 <= gaps[0] <= FIRST_DELAY
    assert max(gaps) <= LONGEST_DELAY + 0.001
    assert len(gaps) < 60


@pytest.mark.parametrize("batch", [None, 7])
@pytest.mark.parametrize("at_once", [1, 20])
@pytest.mark.parametrize("bad", [[50], [0], [3, 50, 51, 97], list(range(0, 100, 4))])
def test_records_that_fail_by_themselves_are_put_aside_at_once(bad: list[int], at_once: int, batch: int | None) -> None:
    partition = Partition(100, bad=bad, keys=1, at_once=at_once, batch=batch)
    partition.run()
    assert partition.letters == bad
    assert partition.results == [n for n in range(100) if n not in bad]
    assert partition.committable == 100
    assert partition.now < 1 + 100 * 0.2, "nobody waited for anything"


def test_one_that_fails_alone_is_put_aside_when_none_follows() -> None:
    partition = Partition(10, bad=[9])
    partition.run(idle=WAIT - 1)
    assert (partition.letters, partition.committable) == ([], 9)
    partition = Partition(10, bad=[9])
    partition.run(idle=WAIT + 1)
    assert (partition.letters, partition.committable) == ([9], 10)
    assert partition.tried.count(9) == 2


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_malformed_records_are_no_outage(share: float) -> None:
    malformed = [n for n in range(100) if n % 10]
    partition = Partition(100, malformed=malformed, share=share)
    partition.run()
    assert partition.letters == malformed
    assert partition.now < 20


def test_a_malformed_record_behind_a_failed_one_is_put_aside_once() -> None:
    partition = Partition(100, malformed=[11, 12], keys=100)

    def on_try(number: int) -> None:
        partition.down = partition.now < 60 and number >= 10

    partition.on_try = on_try
    partition.run()
    assert partition.letters == [11, 12]
    assert sorted(partition.results) == [n for n in range(100) if n not in (11, 12)]


def test_a_share_above_the_limit_is_an_outage_though_none_fail_in_a_row() -> None:
    """Every third record fails until the downstream is well again: those before the guard holds are put aside."""
    partition = Partition(200, share=0.3, window=30)

    def on_try(number: int) -> None:
        partition.down = partition.now < 60 and number % 3 == 0 and number > 60

    partition.on_try = on_try
    partition.run()
    assert 5 < len(partition.letters) < 15
    assert sorted([*partition.letters, *partition.results]) == list(range(200))


def test_a_share_below_the_limit_is_none() -> None:
    bad = [n for n in range(401) if n % 3 == 0]
    partition = Partition(401, bad=bad)
    partition.run()
    assert partition.letters == bad
    assert partition.log.rewinds == []


def test_an_outage_that_begins_with_a_bad_record_ends_all_the_same() -> None:
    partition = Partition(100, bad=[40])

    def on_try(number: int) -> None:
        partition.down = partition.now < 60 and number >= 40

    partition.on_try = on_try
    partition.run()
    assert partition.letters == [40]
    assert partition.results == [n for n in range(100) if n != 40]
    assert 60 <= partition.now < 2.5 * 60


@pytest.mark.parametrize("row", [IN_ROW, 6 * IN_ROW, MOST_IN_ROW - 1])
def test_many_bad_records_in_a_row_are_passed_in_the_end(row: int) -> None:
    bad = range(40, 40 + row)
    partition = Partition(800, bad=bad, keys=200)
    partition.run()
    assert partition.letters == list(bad)
    assert partition.results == [n for n in range(800) if n not in bad]
    assert partition.now < 900


def test_replayed_records_that_fail_again_are_no_outage() -> None:
    bad = range(10, 90)
    partition = Partition(100, bad=bad, replayed=bad)
    partition.run()
    assert partition.letters == list(bad)
    assert partition.log.rewinds == []


def test_after_a_false_alarm_more_in_a_row_are_taken_for_what_they_are() -> None:
    bad = [*range(40, 40 + IN_ROW), *range(100, 100 + IN_ROW)]
    partition = Partition(200, bad=bad)
    partition.run()
    assert partition.letters == bad
    assert partition.log.rewinds == [40], "the second row holds nobody up"


@pytest.mark.parametrize("keys", [1, 20])
def test_an_outage_too_short_to_be_seen_puts_nothing_aside_and_keeps_the_order(keys: int) -> None:
    partition = Partition(20, keys=keys)

    def on_try(number: int) -> None:
        partition.down = number in (5, 6, 7) and partition.tried.count(number) <= 2

    partition.on_try = on_try
    partition.run()
    assert partition.letters == []
    assert partition.results == list(range(20))
    assert partition.tried[-17:-11] == [7, 8, 5, 6, 7, 8], "8 told, and comes behind them"


def test_two_bad_records_in_a_row_have_one_attempt_more() -> None:
    partition = Partition(20, bad=[5, 6])
    partition.run()
    assert partition.letters == [5, 6]
    assert [letter["pool.attempts"] for letter in partition.brokers.letters()] == [b"3", b"3"]
    assert partition.tried.count(7) == 1


def test_a_drain_leaves_what_is_undecided_to_the_next_worker() -> None:
    partition = Partition(10, at_once=10)

    def on_try(number: int) -> None:
        partition.down = number >= 4
        if number == 6:
            partition.word.draining = True

    partition.on_try = on_try
    partition.task.run()
    assert partition.letters == []
    assert partition.results == [0, 1, 2, 3]
    assert partition.words[POSITION] == partition.committable == 4


def test_a_drain_interrupts_the_hold() -> None:
    partition = Partition(10)
    partition.down = True

    def at(now: float) -> None:
        partition.word.draining = now > 30

    partition.at = at
    partition.task.run()
    assert partition.now < 31
    assert (partition.words[POSITION], partition.committable) == (0, 0)
    assert partition.brokers.taken == []


def test_delayed_retries_take_single_failures_and_are_spared_an_outage() -> None:
    retries = Retry(attempts=1, delayed=["10s"])
    partition = Partition(100, bad=[20, 99], retries=retries)

    def on_try(number: int) -> None:
        partition.down = partition.now < 60 and number >= 50

    partition.on_try = on_try
    partition.run(idle=1)
    assert partition.waiting == [20, 99], "the last one did not wait for another to tell"
    assert partition.results == [n for n in range(100) if n not in (20, 99)]
    assert partition.letters == []


def test_a_flood_of_malformed_records_does_not_fill_the_memory() -> None:
    partition = Partition(3000, bad=[0], malformed=range(1, 3000), retries=Retry(attempts=1))
    most = 0

    def on_try(number: int) -> None:
        nonlocal most
        most = max(most, number - len(partition.brokers.taken))

    partition.on_try = on_try
    partition.run()
    assert partition.letters == list(range(3000))
    assert most <= 1000
    assert partition.log.rewinds == []


def test_a_malformed_record_between_two_failures_is_no_success() -> None:
    partition = Partition(10, bad=[7, 9], malformed=[8])
    partition.run(idle=WAIT + 1)
    assert partition.letters == [7, 8, 9]
    assert set(partition.log.rewinds) == {7}


def test_several_at_the_end_of_an_idle_partition_are_held_once_and_then_put_aside() -> None:
    partition = Partition(10, bad=[8, 9])
    partition.run(idle=2 * WAIT)
    assert partition.letters == [8, 9]
    assert set(partition.log.rewinds) == {8}
    assert PATIENCE_SECONDS < partition.now < 2 * PATIENCE_SECONDS
