"""Care: records that are handled one by one, because one of them may do harm."""

from typing import NamedTuple

from workers.account import Account


class Condemned(NamedTuple):
    """A record that is not handled again but goes to the dead letters at once."""

    error: Exception | Account
    attempts: int
    whole: bool = True
    """Whether its dead letter may have its value."""
    timed: bool = True
    """Whether its dead letter may have its time."""


class Care:
    """How far care reaches, and which records are condemned.

    Args:
        until: the position from which on records are handled as usual.
        condemned: records by their offset.
        alone_until: the position from which on records may share a transaction; not above `until`.
    """

    def __init__(self, until: int, condemned: dict[int, Condemned] | None = None, alone_until: int = 0) -> None:
        self.until = until
        self._alone_until = alone_until
        self.condemned = condemned or {}
        self._alone: set[int] = set()

    def needed(self, position: int) -> bool:
        """Whether the next record, at `position` or above it, has to be handled with care."""
        return position < self.until

    def alone(self, offset: int) -> bool:
        """Whether the record at `offset` is to share its transaction with no other."""
        return offset in self._alone or offset < self._alone_until

    def isolate(self, offset: int) -> None:
        """Let the record at `offset` share its transaction with no other: what is refused there is its own."""
        self._alone.add(offset)
        self.until = max(self.until, offset + 1)

    def condemn(self, offset: int, condemned: Condemned) -> None:
        """Send the record at `offset` to the dead letters instead of handling it again."""
        self.condemned[offset] = condemned
        self.until = max(self.until, offset + 1)

    def forget(self, position: int) -> None:
        """Forget the records below a committed `position`: none of them is read again."""
        if self.condemned:
            self.condemned = {offset: one for offset, one in self.condemned.items() if offset >= position}
        if self._alone:
            self._alone = {offset for offset in self._alone if offset >= position}
