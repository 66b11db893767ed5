"""The fault suite's ledger finds what is missing, repeated, out of order, in the wrong place or committed too early."""

from tests.faults.ledger import NS, Ledger, Name, Place, WrongEnd
from tests.faults.records import Deed, Done, End, Numbered

ENDS = {("out", 0): 100, ("dead", 0): 100}


class Story:
    """A ledger, told what happens in few words. Key 0 is in partition 0, key 1 in partition 1."""

    def __init__(self) -> None:
        self.ledger = Ledger(2)
        self._inputs = [0, 0]
        self._outputs = 0

    def sent(self, key: int, *numbers: int, do: Deed = Deed.PASS, at: int = 1) -> "Story":
        for n in numbers:
            self.ledger.take_input(Place("in", key, self._inputs[key]), Numbered(key, n, at, do))
            self._inputs[key] += 1
        return self

    def done(self, key: int, *numbers: int, pid: int = 1, at: int = 10, do: Deed = Deed.PASS) -> "Story":
        for n in numbers:
            self.ledger.take_result(Place("out", 0, self._outputs), Done(key, n, do, pid, at + n * NS // 10))
            self._outputs += 1
        return self

    def dead(self, key: int, n: int, do: Deed) -> "Story":
        self.ledger.take_dead_letter(Place("dead", 0, n), Numbered(key, n, 1, do))
        return self


def test_all_is_well() -> None:
    story = Story().sent(0, 0, 1).sent(0, 2, do=Deed.FAIL).done(0, 0, 1).dead(0, 2, Deed.FAIL)
    ledger = story.ledger
    assert (ledger.sent, ledger.ended) == (3, 3)
    assert not ledger.missing()
    assert not ledger.repeats
    assert not ledger.disordered
    assert not ledger.wrong
    assert not ledger.unnumbered
    assert not ledger.unfinished(0, 0, 3, ENDS)


def test_a_missing_record_is_named() -> None:
    assert Story().sent(0, 0, 1, 2).done(0, 0, 2).ledger.missing() == [Name(0, 1)]


def test_a_gap_in_the_load_is_no_missing_result() -> None:
    ledger = Story().sent(0, 0, 2).done(0, 0, 2).ledger
    assert ledger.unnumbered == [Name(0, 2)]
    assert not ledger.missing()


def test_a_repeat_is_no_disorder() -> None:
    ledger = Story().sent(0, 0, 1, 2).done(0, 0, 1).done(0, 0, 1, 2, pid=2, at=NS).ledger
    assert [repeat.name for repeat in ledger.repeats] == [Name(0, 0), Name(0, 1)]
    assert not ledger.disordered
    assert ledger.longest_repeat() == 0.1


def test_a_result_behind_a_later_one_is_disorder() -> None:
    assert Story().sent(0, 0, 1, 2).done(0, 0, 2, 1).ledger.disordered == [Name(0, 1)]


def test_other_keys_have_no_order() -> None:
    assert not Story().sent(0, 0).sent(1, 0).done(1, 0).done(0, 0).ledger.disordered


def test_a_wrong_end_is_told() -> None:
    ledger = Story().sent(0, 0).sent(0, 1, do=Deed.FAIL).dead(0, 0, Deed.PASS).done(0, 1, do=Deed.FAIL).ledger
    assert ledger.wrong == [
        WrongEnd(Name(0, 0), Deed.PASS, End.DEAD_LETTER),
        WrongEnd(Name(0, 1), Deed.FAIL, End.RESULT),
    ]


def test_a_commit_above_an_unfinished_record_is_early() -> None:
    ledger = Story().sent(0, 0, 1, 2).done(0, 0, 2).ledger
    assert ledger.unfinished(0, 0, 1, ENDS) == []
    assert ledger.unfinished(0, 0, 3, ENDS) == [(1, Name(0, 1))]


def test_a_result_after_the_commit_comes_too_late() -> None:
    ledger = Story().sent(0, 0, 1).done(0, 0, 1).ledger
    assert ledger.unfinished(0, 0, 2, {("out", 0): 1}) == [(1, Name(0, 1))]


def test_movement_is_work_done_since_whenever_it_was_sent() -> None:
    ledger = Story().sent(0, 0, at=5).sent(0, 1, at=20).done(0, 0, 1, at=30).ledger
    assert ledger.moves(0)
    assert ledger.moved_at(0, 15) == 30
    assert ledger.moved_at(0, 30) == 30 + NS // 10
    assert not ledger.moves(1)
    assert ledger.moved_at(1, 15) is None


def test_who_has_caught_up_handles_what_was_sent_since() -> None:
    ledger = Story().sent(0, 0, at=5).sent(0, 1, at=20).done(0, 0, 1, at=30).ledger
    assert ledger.caught_up_at(0, 15) == 30 + NS // 10
    assert ledger.caught_up_at(1, 15) is None
