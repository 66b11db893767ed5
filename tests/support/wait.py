"""Waiting on a condition, never on time alone."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(
    condition: Callable[[], T],
    within: float,
    otherwise: str | Callable[[], str] = "",
    *,
    every: float = 0.02,
) -> T:
    """Call `condition` until it is true, and return what it returned.

    Args:
        condition: what is waited for.
        within: seconds after which it has failed.
        otherwise: what the failure says, or a function that tells it then.
        every: seconds between two tries.

    Raises:
        AssertionError: it was not true in time.
    """
    deadline = time.monotonic() + within
    while not (result := condition()):
        if time.monotonic() > deadline:
            why = otherwise() if callable(otherwise) else otherwise
            raise AssertionError(f"not within {within} s: {why or condition}")
        time.sleep(every)
    return result


def wait_while_true(condition: Callable[[], object], seconds: float, otherwise: str, *, every: float = 0.02) -> None:
    """Watch that `condition` holds for `seconds`; AssertionError as soon as it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), otherwise
        time.sleep(every)
