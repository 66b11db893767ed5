"""The decision on a failed record is a pure function: every outcome can be written down."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import Reject, Retry
from workers.errors import DecodeFailed, EncodeFailed, HandlerFailed, ResultRefused
from workers.retry import Again, GiveUp, decide

POLICY = Retry(attempts=4, backoff=0.1, max_backoff=0.3)


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        (1, Again(0.1)),
        (2, Again(0.2)),
        (3, Again(0.3)),  # 0.4, but for max_backoff
        (4, GiveUp.DEAD_LETTER),
    ],
)
def test_backoff_doubles_up_to_its_bound_and_ends_with_the_attempts(attempt: int, expected: Again | GiveUp) -> None:
    assert decide(ValueError(), attempt, POLICY, dead_letter=True, random=lambda: 1.0) == expected


def test_jitter_is_full() -> None:
    assert decide(ValueError(), 1, POLICY, dead_letter=True, random=lambda: 0.0) == Again(0.0)


def test_without_dead_letters_giving_up_is_a_failure_of_the_worker() -> None:
    assert decide(ValueError(), 4, POLICY, dead_letter=False) is GiveUp.FAIL


@pytest.mark.parametrize("kind", [Reject, DecodeFailed, EncodeFailed, ResultRefused])
def test_a_refused_record_is_never_tried_again(kind: type[Exception]) -> None:
    policy = Retry(attempts=9, on=(Exception, kind))
    assert decide(kind("why"), 1, policy, dead_letter=True) is GiveUp.DEAD_LETTER
    assert decide(kind("why"), 1, policy, dead_letter=False) is GiveUp.FAIL


@pytest.mark.parametrize(
    ("error", "again"),
    [(ConnectionError(), True), (ConnectionResetError(), True), (OSError(), False), (KeyError(), False)],
)
def test_only_the_named_errors_are_worth_another_attempt(error: Exception, again: bool) -> None:
    outcome = decide(error, 1, Retry(on=ConnectionError), dead_letter=True)
    assert isinstance(outcome, Again) is again


def test_a_wrapped_stop_iteration_is_judged_by_what_it_wraps() -> None:
    failure = HandlerFailed("alert raised StopIteration")
    failure.__cause__ = StopIteration()
    assert isinstance(decide(failure, 1, Retry(on=StopIteration), dead_letter=True), Again)
    assert decide(failure, 1, Retry(on=KeyError), dead_letter=True) is GiveUp.DEAD_LETTER


@pytest.mark.parametrize(
    ("policy", "error", "again"),
    [
        (Retry(), msgspec.ValidationError("wrong"), False),
        (Retry(fatal=()), msgspec.ValidationError("wrong"), True),
        (Retry(fatal=KeyError), KeyError(), False),
        (Retry(fatal=KeyError), ValueError(), True),
        (Retry(on=OSError, fatal=ConnectionError), ConnectionResetError(), False),
        (Retry(on=OSError, fatal=ConnectionError), TimeoutError(), True),
    ],
)
def test_a_fatal_error_is_worth_none(policy: Retry, error: Exception, again: bool) -> None:
    outcome = decide(error, 1, policy, dead_letter=True, later=True)
    assert isinstance(outcome, Again) if again else outcome is GiveUp.DEAD_LETTER


@pytest.mark.parametrize(("dead_letter", "last"), [(True, GiveUp.DEAD_LETTER), (False, GiveUp.FAIL)])
def test_what_has_had_its_attempts_waits_where_there_is_a_retry_topic_left(dead_letter: bool, last: GiveUp) -> None:
    assert isinstance(decide(KeyError(), 3, POLICY, dead_letter=dead_letter, later=True), Again)
    assert decide(KeyError(), 4, POLICY, dead_letter=dead_letter, later=True) is GiveUp.LATER
    assert decide(KeyError(), 4, POLICY, dead_letter=dead_letter, later=False) is last


@pytest.mark.parametrize("delayed", [["10"], ["0s"], ["1.5m"], ["10 s"], ["1w"], ["31d"], [10], ["1m", "1m"], [""]])
def test_delays_must_be_delays(delayed: list[str]) -> None:
    with pytest.raises(ValueError, match=r"Retry\(delayed="):
        Retry(delayed=delayed)


def test_delays_must_be_several() -> None:
    with pytest.raises(TypeError, match="give a list of delays"):
        Retry(delayed="10s")


@given(
    attempts=st.integers(1, 10_000),
    backoff=st.floats(0, 1e6),
    max_backoff=st.floats(0, 1e6),
    random=st.floats(0, 1),
    attempt=st.integers(1, 20_000),
)
def test_no_wait_exceeds_its_bound_and_no_record_its_attempts(
    attempts: int, backoff: float, max_backoff: float, random: float, attempt: int
) -> None:
    policy = Retry(attempts=attempts, backoff=backoff, max_backoff=max_backoff)
    outcome = decide(ValueError(), attempt, policy, dead_letter=True, random=lambda: random)
    if attempt >= attempts:
        assert outcome is GiveUp.DEAD_LETTER
    else:
        assert isinstance(outcome, Again)
        assert 0 <= outcome.delay <= max_backoff


@pytest.mark.parametrize("attempts", [0, -1, 1.5, True, "3", None])
def test_attempts_must_be_a_whole_number_from_1(attempts: int) -> None:
    with pytest.raises(ValueError, match=r"Retry\(attempts=.*whole number from 1"):
        Retry(attempts=attempts)


@pytest.mark.parametrize("seconds", [-0.1, float("nan"), float("inf"), "1", None])
@pytest.mark.parametrize("name", ["backoff", "max_backoff"])
def test_times_must_be_seconds(name: str, seconds: float) -> None:
    with pytest.raises(ValueError, match=rf"Retry\({name}=.*seconds from 0"):
        Retry(**{name: seconds})  # type: ignore[arg-type]  # what the test is about


@pytest.mark.parametrize("name", ["on", "fatal"])
@pytest.mark.parametrize("kinds", [BaseException, (KeyboardInterrupt,), "ValueError", (ValueError(),), 5])
def test_only_exception_classes_can_be_named(name: str, kinds: type[Exception]) -> None:
    with pytest.raises(TypeError, match=rf"Retry\({name}=.*exception classes"):
        Retry(**{name: kinds})  # type: ignore[arg-type]  # what the test is about
