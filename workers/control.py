"""What may stop a partition's task between two records."""

from collections.abc import Callable
from typing import Protocol

from workers.turn import Turn


class Control(Protocol):
    """The supervisor's word, as the task hears it: a drain, and the lease."""

    @property
    def draining(self) -> bool:
        """Whether the worker is to end; once true it stays so."""

    def leased(self) -> bool:
        """Whether the worker may handle and produce now."""

    def overdue(self) -> bool:
        """Whether the lease ended so long ago that the partition may be another's by now."""

    def metadata(self) -> bytes:
        """The supervisor's proof of membership, as it was last told; empty where no transaction needs it."""

    def guard(self, turn: Turn | None) -> None:
        """From now on, end `turn` when there is cause to stop; None: it is over."""

    def in_hand(self) -> int | None:
        """The offset of the record that is drawn from the guarded turn; None where that is none yet, or over."""

    def look(self) -> None:
        """Tell the supervisor how far the guarded turn has got."""

    def rest(self) -> None:
        """There is nothing at hand until `wake`: what is called at ticks may be called less often."""

    def wake(self) -> None:
        """Something is at hand."""

    def at_ticks(self, function: Callable[[], None]) -> None:
        """From now on call `function` now and then from beside the task, also while a handler runs."""

    def wait(self, seconds: float) -> bool:
        """Wait, giving signs of life; True where a drain came before the time was up."""
