"""An outage puts nothing aside and overtakes nothing; a record that fails by itself holds nobody up for long."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.unit.guard_parts import WAIT, Partition
from workers import Retry
from workers.guard import FIRST_DELAY, IN_ROW, LONGEST_DELAY, MOST_IN_ROW
from workers.slot import GUARDED, POSITION


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
    partition.run(idle=WAIT + 1)
    assert partition.waiting == [20, 99]
    assert partition.results == [n for n in range(100) if n not in (20, 99)]
    assert partition.letters == []


def test_what_is_kept_back_has_a_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a look, too, which may else keep hundreds of records of whatever size."""
    monkeypatch.setattr("workers.guard.MOST_BYTES", 12)
    partition = Partition(100, retries=Retry(attempts=1))
    partition.down = True
    heaviest = 0

    def on_try(_: int) -> None:
        nonlocal heaviest
        heaviest = max(heaviest, len(partition.guard._kept))
        partition.down = partition.now < 200

    partition.on_try = on_try
    partition.run()
    assert partition.letters == []
    assert partition.results == list(range(100))
    assert heaviest <= 13, "a digit or two each"


@pytest.mark.parametrize("bad", [2, 3, 4])
def test_few_heavy_ones_in_a_row_are_passed_in_the_end(bad: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they weigh keeps the record behind them from being tried, which would tell."""
    monkeypatch.setattr("workers.guard.MOST_BYTES", 3)
    failing = range(10, 10 + bad)
    partition = Partition(100, bad=failing, retries=Retry(attempts=1))

    def at(now: float) -> None:
        assert now < 400, "it never goes on"

    partition.at = at
    partition.run()
    assert partition.letters == list(failing)
    assert partition.results == [n for n in range(100) if n not in failing]


def test_a_heavy_one_waits_for_the_next_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be the first of an outage."""
    monkeypatch.setattr("workers.guard.MOST_BYTES", 1)
    partition = Partition(100, retries=Retry(attempts=1))
    partition.down = True

    def on_try(_: int) -> None:
        partition.down = partition.now < 60

    partition.on_try = on_try
    partition.log.next = 10
    partition.run()
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


def test_bad_records_that_take_their_time_to_fail_are_passed_in_the_end() -> None:
    bad = range(10, 20)
    partition = Partition(100, bad=bad)

    def on_try(number: int) -> None:
        partition.now += 5 * (number in bad)

    partition.on_try = on_try
    partition.run()
    assert partition.letters == list(bad)
    assert partition.now < 600


def test_the_share_is_one_of_records_not_of_batches() -> None:
    bad = range(0, 3000, 15)
    partition = Partition(3000, bad=bad, batch=1000, at_once=1000)
    partition.run()
    assert partition.letters == list(bad)
    assert partition.log.rewinds == []


def short_outage(partition: Partition, on_second: Callable[[int], None]) -> None:
    """Records 3 to 6 fail once; at the second attempt of each and of what comes next, do something."""

    def on_try(number: int) -> None:
        partition.down = number in (3, 4, 5, 6) and partition.tried.count(number) == 1
        if partition.tried.count(number) == 2:
            on_second(number)

    partition.on_try = on_try


def test_a_drain_is_heeded_while_those_before_a_success_are_tried_again() -> None:
    partition = Partition(20, retries=Retry(attempts=1))

    def drain(number: int) -> None:
        if number == 4:
            partition.word.drain()

    short_outage(partition, drain)
    partition.task.run()
    assert partition.tried == [0, 1, 2, 3, 4, 5, 6, 7, 3, 4]
    assert partition.results == [0, 1, 2, 3, 4]
    assert partition.words[POSITION] == partition.committable == 5


def test_while_those_before_a_success_are_tried_again_what_is_done_is_committable() -> None:
    partition, committable = Partition(20, retries=Retry(attempts=1)), dict[int, int]()

    def note(number: int) -> None:
        committable[number] = partition.committable

    short_outage(partition, note)
    partition.run()
    del committable[7]  # the success itself
    assert committable == {3: 3, 4: 4, 5: 5, 6: 6}
    assert partition.results == list(range(20))


def test_an_outage_that_is_back_while_those_before_a_success_are_tried_again_puts_nothing_aside() -> None:
    """Each takes a second to fail, and the downstream is well for a moment only."""
    partition = Partition(100)

    def on_try(_: int) -> None:
        partition.down = partition.now < 60 or 62 < partition.now < 120
        partition.now += 1

    partition.on_try = on_try
    partition.run()
    assert partition.letters == []
    assert partition.results == list(range(100))
