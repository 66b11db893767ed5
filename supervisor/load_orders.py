"""What sending processes are told, and what they answer."""

import msgspec


class Prepare(msgspec.Struct, tag=True):
    """Get ready to send, and say so."""

    first: int
    """The number of the first record of all."""
    partitions: int
    """How many the topic has."""
    rate: float | None
    """Records a second in place of the schedule; None: as the schedule says."""
    duration: float | None
    """Seconds in place of the work's; None: as the work says."""


class Begin(msgspec.Struct, tag=True):
    """Send."""

    moment: float
    """When the schedule begins, in seconds of the monotonic clock."""


class Stop(msgspec.Struct, tag=True):
    """Send nothing more, and wait for what is out."""


class Abandon(msgspec.Struct, tag=True):
    """Wait no longer."""


class Ready(msgspec.Struct, tag=True):
    """All is prepared: the first record can be sent when it is due."""


class Refused(msgspec.Struct, tag=True):
    """There is nothing that could be sent; the process ends."""

    why: str


class Progress(msgspec.Struct, tag=True):
    """How far a process has come since it was told to begin."""

    position: int
    sent: int
    acknowledged: int
    failures: dict[str, int]
    behind: int
    elapsed: float
    """Seconds, those of waiting for the last acknowledgements among them."""
    share_done: float | None
    done: bool
    """Whether all is sent."""
    finished: bool
    """Whether the fate of all is known, or given up."""
    buckets: dict[int, int]
    """Of the latencies that are new since the last message."""
    longest: float
    fatal: str | None = None
    """Why the process can send nothing more; None: it can."""


Order = Prepare | Begin | Stop | Abandon
Answer = Ready | Refused | Progress
