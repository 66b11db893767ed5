"""What to do about a record that failed: a pure decision, apart from whoever waits and sends."""

import random as _random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from workers.errors import HandlerFailed, RecordRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often, and at what distance, a failed record is tried again in its place.

    The partition waits meanwhile, which is what keeps its order: so the default is few and short.

    Args:
        attempts: in all, the first one counted; 1 means never again.
        backoff: seconds before the second attempt at most; it doubles with each further one.
        max_backoff: seconds that no wait exceeds. Each wait is drawn evenly between 0 and its bound (full jitter).
        on: the exception classes that are worth another attempt.

    Raises:
        ValueError, TypeError: an argument is out of its range.
    """

    attempts: int = 3
    backoff: float = 0.1
    max_backoff: float = 1.0
    on: tuple[type[Exception], ...] | type[Exception] = (Exception,)

    def __post_init__(self) -> None:
        attempts: object = self.attempts
        if type(attempts) is not int or attempts < 1:
            raise ValueError(f"Retry(attempts={self.attempts!r}): give a whole number from 1, the first one counted")
        for name in ("backoff", "max_backoff"):
            seconds = getattr(self, name)
            if not isinstance(seconds, int | float) or not 0 <= seconds < float("inf"):
                raise ValueError(f"Retry({name}={seconds!r}): give seconds from 0")
        on = self.on if isinstance(self.on, tuple) else (self.on,)
        for kind in on:
            if not _is_exception_class(kind):
                raise TypeError(f"Retry(on={self.on!r}): give exception classes, such as on=(ConnectionError,)")
        object.__setattr__(self, "on", on)

    def covers(self, error: BaseException) -> bool:
        """Whether `error` is one that another attempt may help."""
        if isinstance(error, RecordRefused):
            return False
        if isinstance(error, HandlerFailed) and error.__cause__ is not None:
            error = error.__cause__
        return isinstance(error, self.on)

    def bound(self, attempt: int) -> float:
        """The longest wait in seconds after attempt number `attempt`, counted from 1."""
        # 2 ** 1024 is no float any more, and long before that the bound is max_backoff.
        return min(self.max_backoff, self.backoff * 2.0 ** min(attempt - 1, 64))


def _is_exception_class(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Exception)


@dataclass(frozen=True, slots=True)
class Again:
    """Try the record again after `delay` seconds."""

    delay: float


class GiveUp(Enum):
    """The record is not tried again."""

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
) -> Again | GiveUp:
    """What follows when attempt number `attempt`, counted from 1, ended in `error`.

    Args:
        error: what was raised.
        attempt: how many attempts the record has had.
        policy: the agent's `retries=`.
        dead_letter: whether the agent has a dead-letter topic.
        random: gives a float from 0 to 1.
    """
    if attempt < policy.attempts and policy.covers(error):
        return Again(policy.bound(attempt) * random())
    return GiveUp.DEAD_LETTER if dead_letter else GiveUp.FAIL
