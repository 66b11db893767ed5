"""What to do about a record that failed: a pure decision, apart from whoever waits and sends."""

import random as _random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import msgspec

from workers.errors import HandlerFailed, RecordRefused
from workers.tiers import seconds_of

Errors = tuple[type[Exception], ...] | type[Exception]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often, and at what distance, a failed record is tried again: first in its place, then later.

    In its place the partition waits meanwhile, which is what keeps its order: so the default is few and short.

    Args:
        attempts: in one go, the first one counted; 1 means never again.
        backoff: seconds before the second attempt at most; it doubles with each further one.
        max_backoff: seconds that no wait exceeds. Each wait is drawn evenly between 0 and its bound (full jitter).
        on: the exception classes that are worth another attempt; any other one is not.
        fatal: those that are not, although `on` names them: such a record goes to the dead letters at once. What the
            pool itself refuses, above all a value that is not of the declared type, always is.
        delayed: after how long a record is tried again that has had its attempts, such as ["10s", "1m", "10m"]. It
            waits in a topic of its own for each, so that others do not, and so **the order of its key is given up**.
            Each time it has `attempts` again, and after the last one it goes to the dead letters.

    Raises:
        ValueError, TypeError: an argument is out of its range.
    """

    attempts: int = 3
    backoff: float = 0.1
    max_backoff: float = 1.0
    on: Errors = (Exception,)
    fatal: Errors = (msgspec.DecodeError,)
    delayed: Sequence[str] = ()

    def __post_init__(self) -> None:
        attempts: object = self.attempts
        if type(attempts) is not int or attempts < 1:
            raise ValueError(f"Retry(attempts={self.attempts!r}): give a whole number from 1, the first one counted")
        for name in ("backoff", "max_backoff"):
            seconds = getattr(self, name)
            if not isinstance(seconds, int | float) or not 0 <= seconds < float("inf"):
                raise ValueError(f"Retry({name}={seconds!r}): give seconds from 0")
        for name in ("on", "fatal"):
            given = getattr(self, name)
            kinds = given if isinstance(given, tuple) else (given,)
            if not all(map(_is_exception_class, kinds)):
                raise TypeError(f"Retry({name}={given!r}): give exception classes, such as {name}=(ConnectionError,)")
            object.__setattr__(self, name, kinds)
        object.__setattr__(self, "delayed", _checked_delays(self.delayed))

    def covers(self, error: BaseException) -> bool:
        """Whether `error` is one that another attempt may help."""
        if isinstance(error, RecordRefused):
            return False
        if isinstance(error, HandlerFailed) and isinstance(error.__cause__, Exception | SystemExit):
            error = error.__cause__
        return isinstance(error, self.on) and not isinstance(error, self.fatal)

    def bound(self, attempt: int) -> float:
        """The longest wait in seconds after attempt number `attempt`, counted from 1."""
        # 2 ** 1024 is no float any more, and long before that the bound is max_backoff.
        return min(self.max_backoff, self.backoff * 2.0 ** min(attempt - 1, 64))


def _checked_delays(delays: object) -> tuple[str, ...]:
    if not isinstance(delays, list | tuple):
        raise TypeError(f'Retry(delayed={delays!r}): give a list of delays, such as delayed=["10s", "1m"]')
    for delay in delays:
        try:
            seconds_of(delay)
        except ValueError as error:
            raise ValueError(f"Retry(delayed={delays!r}): {error}") from None
    if len(set(delays)) < len(delays):
        raise ValueError(f"Retry(delayed={delays!r}): each delay has a topic of its own, so none can come twice")
    return tuple(delays)


def _is_exception_class(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Exception)


@dataclass(frozen=True, slots=True)
class Again:
    """Try the record again after `delay` seconds."""

    delay: float


class GiveUp(Enum):
    """The record is not tried again in its place."""

    LATER = "later"
    """Send it to its next retry topic and go on behind it."""
    DEAD_LETTER = "dead_letter"
    """Send it to the dead letters and go on behind it."""
    FAIL = "fail"
    """There is nowhere to put it: the worker fails, and the record stays uncommitted."""


def decide(
    error: BaseException,
    attempt: int,
    policy: Retry,
    dead_letter: bool,
    random: Callable[[], float] = _random.random,
    *,
    later: bool = False,
) -> Again | GiveUp:
    """What follows when attempt number `attempt`, counted from 1, ended in `error`.

    Args:
        error: what was raised.
        attempt: how many attempts the record has had.
        policy: the agent's `retries=`.
        dead_letter: whether the agent has a dead-letter topic.
        random: gives a float from 0 to 1.
        later: whether there is a retry topic to which it has not been yet.
    """
    if policy.covers(error):
        if attempt < policy.attempts:
            return Again(policy.bound(attempt) * random())
        if later:
            return GiveUp.LATER
    return GiveUp.DEAD_LETTER if dead_letter else GiveUp.FAIL
