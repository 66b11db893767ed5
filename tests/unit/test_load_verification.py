"""Whatever is amiss with results is found, whichever way they and their records come in."""

from collections.abc import Sequence
from itertools import permutations

import pytest

from supervisor.load_verification import Expect, Verification

SECOND = 1_000_000_000


def loaded(
    expect: Expect = Expect.ALL, count: int = 10, hot: int = 10, keys: Sequence[bytes | None] = (b"k",)
) -> Verification:
    """So many records, of which the first `hot` are hot, keys taking turns; record n was due at n seconds."""
    verification = Verification(expect)
    send(verification, *range(count), hot=hot, keys=keys)
    return verification


def send(verification: Verification, *seqs: int, hot: int = 10, keys: Sequence[bytes | None] = (b"k",)) -> None:
    for seq in seqs:
        verification.sent(seq, seq * SECOND, key=keys[seq % len(keys)], answerable=True, hot=seq < hot)


def answer(verification: Verification, *seqs: int | None, partition: int = 0) -> Verification:
    for seq in seqs:
        verification.result(seq, partition, ((seq or 0) + 2) * SECOND)
    return verification


def test_a_result_for_each_is_all_there_is_to_ask_for() -> None:
    found = answer(loaded(), *range(10))
    assert (found.expected, found.answered, found.missing, found.repeated, found.disordered) == (10, 10, 0, 0, 0)
    assert found.latencies.percentile(0.5) == pytest.approx(2.0, rel=0.001)


def test_what_is_missing_is_named() -> None:
    found = answer(loaded(), 0, 1, 2, 4, 5, 7, 8, 9)
    assert (found.missing, found.missing_numbers(10), found.missing_numbers(1)) == (2, [3, 6], [3])


def test_a_second_result_is_a_repeat_and_no_disorder() -> None:
    found = answer(loaded(count=5), 0, 1, 2, 1, 2, 3, 4)
    assert (found.repeated, found.disordered, found.missing) == (2, 0, 0)


def test_a_first_result_behind_that_of_a_later_record_is_out_of_order() -> None:
    assert answer(loaded(count=4), 0, 2, 1, 3).disordered == 1


def test_keys_have_no_order_among_each_other() -> None:
    found = answer(loaded(count=4, keys=(b"a", b"b")), 1, 3, 0, 2)
    assert (found.disordered, found.keyed) == (0, True)
    found = answer(loaded(count=4, keys=(None,)), 3, 2, 1, 0)
    assert (found.disordered, found.keyed) == (0, False)


def test_partitions_of_results_have_no_order_among_each_other() -> None:
    found = answer(answer(loaded(), 1, 3, partition=0), 0, 2, partition=1)
    assert found.disordered == 0
    assert answer(found, 5, 4, partition=1).disordered == 1


@pytest.mark.parametrize(
    ("results", "disordered"), [((0, 1, 2, 3), 0), ((0, 2, 1, 3), 1), ((3, 0, 1, 2), 3), ((3, 2, 1, 0), 3)]
)
def test_order_is_that_of_results_also_where_records_are_read_later(results: Sequence[int], disordered: int) -> None:
    late, half, known = Verification(Expect.ALL), Verification(Expect.ALL), loaded(count=4)
    answer(late, *results)
    send(late, *range(4))
    send(half, 0, 1)
    answer(half, *results[:3])
    send(half, 2, 3)
    answer(half, *results[3:])
    answer(known, *results)
    assert [(v.disordered > 0, v.answered) for v in (late, half, known)] == [(disordered > 0, 4)] * 3
    assert known.disordered == disordered


def test_a_record_sent_twice_is_answered_twice() -> None:
    steps = (
        lambda v: v.sent(0, SECOND, key=b"k", answerable=True, hot=False),
        lambda v: v.sent(0, SECOND, key=b"k", answerable=True, hot=False),
        lambda v: answer(v, 0),
        lambda v: answer(v, 0),
    )
    for order in permutations(range(4)):
        verification = Verification(Expect.ALL)
        for step in order:
            steps[step](verification)
        assert (verification.records, verification.results, verification.repeated) == (1, 2, 0), order
        answer(verification, 0)
        assert verification.repeated == 1


def test_a_result_may_be_read_before_its_record() -> None:
    verification = Verification(Expect.ALL)
    answer(verification, 0)
    assert (verification.unfounded, verification.answered) == (1, 0)
    verification.sent(0, SECOND, key=b"k", answerable=True, hot=False)
    assert (verification.unfounded, verification.answered, verification.missing) == (0, 1, 0)


def test_a_result_of_nothing_is_unfounded_however_large_its_number() -> None:
    found = answer(loaded(), 99, 40_000_000, 10**15)
    assert found.unfounded == 3
    assert len(found._results) < 1_000_000  # they take no memory


def test_a_record_above_what_was_sent_is_not_of_this_load() -> None:
    found = loaded()
    send(found, 10**12)
    assert (found.records, found.foreign) == (10, 1)
    found.reach = 10**6
    send(found, 10**6 - 1)
    assert (found.records, found.foreign) == (11, 1)


def test_a_record_of_the_same_number_that_was_due_at_another_time_is_not_of_this_load() -> None:
    found = answer(loaded(), *range(10))
    found.sent(3, 999 * SECOND, key=b"k", answerable=True, hot=True)
    assert (found.records, found.foreign) == (10, 1)
    assert answer(found, 3).repeated == 1


def test_only_hot_ones_are_expected_until_another_is_answered() -> None:
    found = answer(loaded(Expect.AUTO, hot=2), 0, 1)
    assert (found.expect, found.expected, found.missing) == (Expect.HOT, 2, 0)
    answer(found, 5)
    assert (found.expect, found.expected, found.missing) == (Expect.ALL, 10, 7)


def test_where_none_happened_to_be_hot_nothing_is_missing() -> None:
    found = loaded(Expect.AUTO, count=20, hot=0)
    assert (found.expect, found.expected, found.missing) == (Expect.HOT, 0, 0)
    answer(found, 5)
    assert (found.expect, found.expected, found.missing) == (Expect.ALL, 20, 19)


def test_where_none_can_be_hot_every_one_is_to_have_a_result() -> None:
    found = Verification(Expect.AUTO)
    for seq in range(10):
        found.sent(seq, 0, key=b"k", answerable=True, hot=None)
    assert (found.expect, found.expected, found.missing) == (Expect.ALL, 10, 10)


def test_where_only_hot_ones_are_to_have_a_result_others_are_unfounded() -> None:
    found = answer(loaded(Expect.HOT, hot=2), 0, 1, 5)
    assert (found.missing, found.unfounded) == (0, 1)


def test_what_cannot_be_answered_is_not_missing() -> None:
    verification = Verification(Expect.ALL)
    verification.sent(0, 0, key=b"k", answerable=False, hot=True)
    assert (verification.expected, verification.missing) == (0, 0)


@pytest.mark.parametrize("expect", Expect)
def test_a_result_for_what_cannot_be_answered_is_unfounded(expect: Expect) -> None:
    found = answer(loaded(expect, hot=2), 0, 1)
    found.sent(10, 0, key=b"k", answerable=False, hot=False)
    assert answer(found, 10).unfounded == 1
    assert found.expect is (Expect.HOT if expect is Expect.AUTO else expect)
    assert found.answered == 2


def test_where_there_is_no_telling_nothing_is_missing() -> None:
    found = answer(loaded(Expect.SOME), 3, 3)
    assert (found.expected, found.missing, found.unfounded, found.repeated) == (None, 0, 0, 1)


def test_a_result_without_a_number_is_counted() -> None:
    assert answer(loaded(), None, -4).unnumbered == 2
