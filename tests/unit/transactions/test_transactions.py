"""Transactions that fail, each in its way, by a producer that plays them: what is taken back, and what is learnt."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.unit.messages import message
from tests.unit.transactions.parts import JOINED, UNJOINED, Clock, Parts, abortable
from workers.account import Account, account_of
from workers.care import Condemned
from workers.dead_letter import DeadLetter
from workers.dead_letter_topic import SentLetter
from workers.endings import Fenced, Rewind, SinkFailed
from workers.errors import ResultRefused
from workers.sink import Parcel, Refusal
from workers.slot import ABORTS, COMMITTABLE, PROVED
from workers.transactions import MembershipStale


def test_results_and_position_are_one_transaction(parts: Parts, clock: Clock) -> None:
    parts.flush()
    assert parts.producer.calls == ["begin", ("produce", b"5"), ("produce", b"6"), ("offsets", 7, JOINED), "commit"]
    assert (parts.words[COMMITTABLE], parts.words[PROVED]) == (7, clock.now)


def test_a_letter_without_its_value_may_be_refused_for_its_neighbours(parts: Parts) -> None:
    letter = DeadLetter("dead", None, None, [])
    sent = SentLetter(letter, False, message(b"", offset=6), account_of(ValueError()), 1)
    refused = Refusal(sent, ResultRefused("too large"))
    cause = Rewind("refused")
    parts.sink._suspected.append(refused)
    parts.offsets.rewind(cause)
    assert parts.care.alone(6)
    assert parts.care.condemned == {}
    parts.sink._suspected.append(refused)
    with pytest.raises(SinkFailed, match="can have nothing less in it"):
        parts.offsets.rewind(cause)


def test_what_times_out_is_repeated_until_it_is_known(parts: Parts) -> None:
    parts.producer.errors["offsets"].append(KafkaError(KafkaError._TIMED_OUT, "", False, True))
    parts.producer.errors["commit"].extend([KafkaError(KafkaError._TIMED_OUT)] * 3)
    parts.flush()
    assert parts.words[COMMITTABLE] == 7


def test_a_transaction_that_has_failed_without_a_word_is_found_out(parts: Parts) -> None:
    """Its messages are not sent any more, and no report of them comes."""
    parts.producer.pending.extend([2] * 1000)
    parts.producer.then["offsets"] = KafkaError(
        KafkaError.TOPIC_AUTHORIZATION_FAILED, "not authorized", txn_requires_abort=True
    )
    with pytest.raises(Rewind, match="not authorized"):
        parts.flush()
    assert "commit" not in parts.producer.calls


@pytest.mark.parametrize("proof", [b"", UNJOINED])
def test_without_a_proof_of_membership_nothing_is_sent_to_the_group(parts: Parts, proof: bytes) -> None:
    parts.word.proof = proof
    with pytest.raises(MembershipStale, match="has not proved"):
        parts.flush()
    assert "offsets" not in str(parts.producer.calls)
    assert parts.words[COMMITTABLE] == 5


def test_a_stale_proof_is_waited_out(parts: Parts) -> None:
    parts.producer.errors["offsets"].append(abortable(KafkaError.ILLEGAL_GENERATION))
    with pytest.raises(MembershipStale) as stale:
        parts.flush()

    def told_at_last() -> None:
        if len(parts.word.waits) == 3:
            parts.word.proof = JOINED + b"new"

    parts.word.on_wait = told_at_last
    parts.offsets.rewind(stale.value)
    assert len(parts.word.waits) == 3
    assert parts.producer.calls[-1] == "abort"
    assert (parts.words[COMMITTABLE], parts.words[ABORTS], parts.care.until) == (5, 1, 0)


def test_a_stale_proof_does_not_hold_up_a_drain(parts: Parts) -> None:
    parts.word.on_wait = parts.word.drain
    parts.offsets.rewind(MembershipStale("no", JOINED))
    assert len(parts.word.waits) == 1


@pytest.mark.parametrize("call", ["offsets", "commit"])
@pytest.mark.parametrize("code", [KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH])
def test_fenced_at_a_commit(parts: Parts, call: str, code: int) -> None:
    parts.producer.errors[call].append(KafkaError(code, "somebody else", True))
    with pytest.raises(Fenced):
        parts.flush()
    assert parts.words[COMMITTABLE] == 5


def test_fenced_at_a_result(parts: Parts) -> None:
    parts.producer.errors["produce"].append(KafkaError(KafkaError._STATE, "fenced"))
    with pytest.raises(Rewind) as cause:
        parts.send(7)
    parts.producer.errors["abort"].append(KafkaError(KafkaError._FENCED, "", True))
    with pytest.raises(Fenced):
        parts.offsets.rewind(cause.value)


@pytest.mark.parametrize(
    "raised", [KafkaException(KafkaError(KafkaError._FENCED, "", True)), SystemError("a callback")]
)
def test_fenced_while_waiting(parts: Parts, raised: Exception) -> None:
    parts.producer.fatal.append(raised)
    with pytest.raises(Rewind) as cause:
        parts.flush()
    parts.producer.errors["abort"].append(KafkaError(KafkaError._FENCED, "", True))
    with pytest.raises(Fenced):
        parts.offsets.rewind(cause.value)


def test_fenced_while_idle(parts: Parts) -> None:
    parts.flush()
    parts.producer.errors["begin"].append(KafkaError(KafkaError._FENCED, "", True))
    with pytest.raises(Fenced):
        parts.send(7)


def test_a_producer_beyond_repair_is_not_fenced(parts: Parts) -> None:
    parts.producer.errors["produce"].append(KafkaError(KafkaError._STATE, "topic authorization failed"))
    with pytest.raises(Rewind) as cause:
        parts.send(7)
    parts.producer.errors["abort"].append(KafkaError(KafkaError.INVALID_TXN_STATE, "cannot be aborted", True))
    with pytest.raises(SinkFailed, match=r"authorization failed; nor could it be aborted: .*cannot be aborted"):
        parts.offsets.rewind(cause.value)


def test_a_refused_result_condemns_its_record_alone(parts: Parts) -> None:
    parts.producer.reports.append((0, KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))
    with pytest.raises(Rewind) as cause:
        parts.flush()
    parts.offsets.rewind(cause.value)
    assert list(parts.care.condemned) == [5]
    assert parts.care.until == 6


def test_of_a_refused_batch_each_record_is_tried_alone(parts: Parts) -> None:
    for number in (0, 1):
        parts.producer.reports.append((number, KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)))
    with pytest.raises(Rewind) as cause:
        parts.flush()
    parts.offsets.rewind(cause.value)
    assert (parts.care.condemned, parts.care.until) == ({}, 7)
    assert parts.care.alone(5)
    assert parts.care.alone(6)

    parts.send(6)
    parts.producer.reports.append((2, KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)))
    with pytest.raises(Rewind) as cause:
        parts.flush()
    parts.offsets.rewind(cause.value)
    assert list(parts.care.condemned) == [6]


def test_what_fails_for_no_record_ends_the_worker_at_the_second_time(parts: Parts) -> None:
    for attempt in range(2):
        parts.producer.errors["offsets"].append(abortable(KafkaError.GROUP_AUTHORIZATION_FAILED))
        with pytest.raises(Rewind) as cause:
            parts.flush()
        if attempt:
            with pytest.raises(SinkFailed, match="again and again"):
                parts.offsets.rewind(cause.value)
        else:
            parts.offsets.rewind(cause.value)


def test_a_record_whose_results_are_sent_in_part_is_taken_back(parts: Parts) -> None:
    parts.offsets.rewind(Rewind("in part", message(b"", offset=6), ResultRefused("too large")))
    assert list(parts.care.condemned) == [6]


def test_what_is_committed_needs_no_care_any_more(parts: Parts) -> None:
    for offset in (5, 6, 7):
        parts.care.isolate(offset)
        parts.care.condemn(offset, Condemned(ValueError(), 1))
    parts.flush()
    assert parts.words[COMMITTABLE] == 7
    assert list(parts.care.condemned) == [7]
    assert [offset for offset in range(10) if parts.care.alone(offset)] == [7]
    assert parts.care.until == 8


def test_a_condemned_record_holds_no_traceback(parts: Parts) -> None:
    with pytest.raises(ResultRefused) as refused:
        raise ResultRefused("too large")
    parts.offsets.rewind(Rewind("in part", message(b"", offset=6), refused.value))
    condemned = parts.care.condemned[6].error
    assert isinstance(condemned, Account)
    assert b"raise ResultRefused" in condemned.trace
    assert refused.value.__traceback__ is None


def test_a_parcel_is_in_a_transaction_too(clock: Clock) -> None:
    parts = Parts()
    parts.flush()
    assert parts.sink.send(Parcel("out", b"8", None), message(b"", offset=8))
    assert parts.producer.calls[-2:] == ["begin", ("produce", b"8")]
