"""Which record a worker died of: a pure policy. A record that has killed too many workers is condemned.

A worker that dies in a turn of its loop leaves in shared memory where the turn began, and how far it could have got:
any record between is suspect. Its successor is careful: it tells of each record before it handles it, so that a second
death names its record, and the first one, too, was of that if it was of one that was suspect. Deaths that a record
cannot be blamed for (a drain, a fence, somebody's SIGKILL) make no suspect.
"""

import os
import signal
from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec import structs

from workers.protocol import Killer

STACKS: Final = 4000
"""Characters of a crash's stacks that a dead letter gets."""
STACKS_TOGETHER: Final = 16_000
"""Of all crashes that one worker is told of."""

_CRASHES: Final = frozenset(
    {
        signal.SIGSEGV,
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGSYS,
        signal.SIGTRAP,
        signal.SIGXCPU,
    }
)
"""Signals that a process brings on itself. All others come from outside."""


class Death(NamedTuple):
    """How a worker ended, as far as it matters here."""

    position: int
    """The record in hand is the first at or above this offset …"""
    polled: int
    """… if there was one: where this is not above `position`, the worker was idle."""
    status: int | None
    """The raw wait status; None where nobody could say."""
    announced: bool
    """Whether the worker said itself why it ends."""
    killed_for: str | None
    """Why the supervisor killed it, where it did."""
    hung: bool
    """Whether that was for showing no sign of life."""
    stacks: str = ""
    """What it wrote while crashing."""


def blame(death: Death, oom_killed: Callable[[], bool]) -> str | None:
    """What the record in hand did to its worker, in words; None where it cannot be blamed.

    Args:
        death: how the worker ended.
        oom_killed: whether the kernel has just killed for want of memory; asked only where that is the question.
    """
    if death.polled <= death.position or death.announced:
        return None
    if death.killed_for is not None:
        return death.killed_for if death.hung else None
    if death.status is None:
        return None
    code = os.waitstatus_to_exitcode(death.status)
    if code >= 0:
        return f"exit code {code}"
    if -code == signal.SIGKILL:
        return "out of memory" if oom_killed() else None
    return f"signal {signal.Signals(-code).name}" if -code in _CRASHES else None


class Suspects:
    """The records of one partition on which workers died, while it is assigned.

    Args:
        quarantine_after: deaths after which a record is condemned.
    """

    def __init__(self, quarantine_after: int) -> None:
        self.careful_until = 0
        """Below this position records are to be handled one by one."""
        self.alone_until = 0
        """Below this position no record is to share its transaction with another."""
        self._after = quarantine_after
        self._killers: dict[int, Killer] = {}
        self._unnamed = range(0)
        """The records of which one was in hand at a death that no named one has explained yet."""
        self._last = -1

    def anew(self) -> "Suspects":
        """None yet, by the same rule."""
        return Suspects(self._after)

    def add(self, death: Death, cause: str) -> bool:
        """Take note of a death; whether the partition has got on since the one before.

        Args:
            death: of a worker that had a record in hand.
            cause: what the record is blamed for.
        """
        offset = death.position
        if offset < self.careful_until:
            self._killers[offset] = Killer(cause, self._deaths(offset) + 1, _tail(death.stacks, STACKS))
        else:
            self._unnamed = range(offset, death.polled)
        self.careful_until = max(self.careful_until, death.polled)
        got_on, self._last = offset > self._last, offset
        return got_on

    def isolate(self, polled: int) -> None:
        """Note that one of the records below `polled` takes so long that a transaction times out beside it."""
        self.alone_until = max(self.alone_until, polled)
        self.careful_until = max(self.careful_until, polled)

    def condemned(self, start: int) -> dict[int, Killer]:
        """The records at or above `start`, where the next worker begins, that are not to be handled any more."""
        self._killers = {offset: killer for offset, killer in self._killers.items() if offset >= start}
        killers = {offset: killer for offset, killer in self._killers.items() if killer.deaths >= self._after}
        # All that the next worker is told goes into one packet.
        most = STACKS_TOGETHER // max(1, len(killers))
        return {offset: structs.replace(it, stacks=_tail(it.stacks, most)) for offset, it in killers.items()}

    def _deaths(self, offset: int) -> int:
        """How many workers a record has killed before, the one without a name included."""
        before = self._killers.get(offset)
        deaths = before.deaths if before else 0
        if offset in self._unnamed:
            self._unnamed = range(0)
            deaths += 1
        return deaths


def _tail(text: str, most: int) -> str:
    return text[max(0, len(text) - most) :]
