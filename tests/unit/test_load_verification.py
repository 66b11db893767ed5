"""Whatever is amiss with results is found, whichever way they and their records come in."""

from itertools import permutations

import pytest

from supervisor.load_verification import Expect, Verification

SECOND = 1_000_000_000


def loaded(expect: Expect = Expect.ALL, count: int = 10, hot: int = 10) -> Verification:
    """So many records, of which the first `hot` are hot; record n was due at n seconds."""
    verification = Verification(expect)
    for seq in range(count):
        verification.sent(seq, seq * SECOND, answerable=True, hot=seq < hot)
    return verification


def answer(verification: Verification, *seqs: int | None, key: bytes | None = b"k") -> Verification:
    for seq in seqs:
        verification.result(seq, key, ((seq or 0) + 2) * SECOND)
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
    found = answer(answer(loaded(count=4), 1, 3, key=b"a"), 0, 2, key=b"b")
    assert found.disordered == 0
    assert answer(loaded(count=4), 3, 2, 1, 0, key=None).disordered == 0


def test_a_record_sent_twice_is_answered_twice() -> None:
    steps = (
        lambda v: v.sent(0, SECOND, answerable=True, hot=False),
        lambda v: v.sent(0, SECOND, answerable=True, hot=False),
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
    verification.sent(0, SECOND, answerable=True, hot=False)
    assert (verification.unfounded, verification.answered, verification.missing) == (0, 1, 0)


def test_a_result_of_nothing_is_unfounded_however_large_its_number() -> None:
    assert answer(loaded(), 99, 10**15).unfounded == 2


def test_only_hot_ones_are_expected_until_another_is_answered() -> None:
    found = answer(loaded(Expect.AUTO, hot=2), 0, 1)
    assert (found.expect, found.expected, found.missing) == (Expect.HOT, 2, 0)
    answer(found, 5)
    assert (found.expect, found.expected, found.missing) == (Expect.ALL, 10, 7)


def test_where_only_hot_ones_are_to_have_a_result_others_are_unfounded() -> None:
    found = answer(loaded(Expect.HOT, hot=2), 0, 1, 5)
    assert (found.missing, found.unfounded) == (0, 1)


def test_what_cannot_be_answered_is_not_missing() -> None:
    verification = Verification(Expect.ALL)
    verification.sent(0, 0, answerable=False, hot=True)
    assert (verification.expected, verification.missing) == (0, 0)


def test_where_there_is_no_telling_nothing_is_missing() -> None:
    found = answer(loaded(Expect.SOME), 3, 3)
    assert (found.expected, found.missing, found.unfounded, found.repeated) == (None, 0, 0, 1)


def test_a_result_without_a_number_is_counted() -> None:
    assert answer(loaded(), None, -4).unnumbered == 2
