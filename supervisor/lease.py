"""What lets workers work: a time until which their supervisor is known to be a member of the group.

A supervisor that is frozen or cut off loses its partitions without knowing. Its workers stop when the lease ends, so
that they do not go on beside those of the new owner for long. A lease bounds the overlap; it does not exclude it.
"""

from time import monotonic


class Lease:
    """The deadline on the monotonic clock, which forked workers share.

    It begins with a commit that the coordinator accepted as a member's, and counts from when that was sent. In the
    classic protocol each turn of the group loop extends it as long as it has not ended, since the client itself
    notices when its session is over. With KIP-848 it does not, and in both protocols it cannot while the process is
    frozen: then only another commit proves membership.

    Args:
        seconds: how long it lasts.
        by_commit: whether only commits extend it (KIP-848).
    """

    def __init__(self, seconds: float, *, by_commit: bool) -> None:
        self.seconds = seconds
        self._by_commit = by_commit
        self._deadline = 0.0
        self._lost_at = 0.0
        self.proved_at = 0.0
        """When that was sent which last proved membership, on the monotonic clock; 0 before."""

    @property
    def deadline_ns(self) -> int:
        """Nanoseconds of the monotonic clock; 0 before membership was ever proved."""
        return int(self._deadline * 1e9)

    def held(self) -> bool:
        """Whether workers may work now."""
        return monotonic() < self._deadline

    def turn(self) -> None:
        """The group loop has turned, and the client counts itself in."""
        now = monotonic()
        if not self._by_commit and now < self._deadline:
            self._deadline = now + self.seconds

    def proved(self, sent_at: float) -> None:
        """The coordinator accepted what was sent at `sent_at` as a member's."""
        if sent_at > self._lost_at:
            self.proved_at = max(self.proved_at, sent_at)
            self._deadline = max(self._deadline, sent_at + self.seconds)

    def lost(self) -> None:
        """The group has given this member's partitions away; what was sent before proves nothing any more."""
        self._deadline = 0.0
        self._lost_at = monotonic()

    def wants_proof(self) -> bool:
        """Whether it is time to send a commit, if only to prove membership."""
        left = self._deadline - monotonic()
        return left <= 0 or (self._by_commit and left < self.seconds * 2 / 3)
