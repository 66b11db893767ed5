"""What a load found: the document of `--json`, from which the table and the page are drawn."""

from enum import StrEnum
from typing import Self

import msgspec

from supervisor.latencies import Latencies
from supervisor.load_found import Found
from supervisor.load_watch import Event


class Percentiles(msgspec.Struct, frozen=True):
    """Of durations, in milliseconds; None where there are none."""

    count: int
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None

    @classmethod
    def of(cls, latencies: Latencies) -> Self:
        shares = (latencies.percentile(share) for share in (0.5, 0.9, 0.99, 0.999))
        longest = latencies.longest if latencies.count else None
        return cls(latencies.count, *(None if s is None else round(s * 1000, 3) for s in (*shares, longest)))


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A second of the load."""

    at: float
    """Seconds since it began, at the second's end."""
    sent: float
    """Records a second handed to the producer."""
    acknowledged: float
    """Records a second acknowledged."""
    results: float | None = None
    """Results a second; None where they are not read."""
    behind: int = 0
    """Records that are due and not yet handed over."""
    lag: int | None = None
    """As the pool tells it; None where it is not asked."""
    open: int | None = None
    """Records in the topic that are still without the result they are to have."""
    acknowledgement: Percentiles
    """Latencies of the records acknowledged in this second."""
    end_to_end: Percentiles | None = None
    """Latencies of the results read in this second."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A rate that was tried for capacity."""

    rate: float
    kept_up: bool | None
    """None: there is no telling, since the generator gave out, or somebody interrupted."""
    why: str
    """What gave out, or how it went."""
    p99: float | None = None
    """Of the end-to-end latency, in milliseconds."""
    handled: float | None = None
    """Records a second that the pool got through."""


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """What `--find-capacity` found."""

    tried: list[Tried]
    rate: float | None
    """The highest rate that was kept up with, in records a second; None: none of them."""
    bounded: bool
    """Whether one was tried that was too high for the pool."""
    partitions: int
    replicas: int | None
    """How many supervisors there are; None where none was asked for its status."""
    target: float | None = None
    target_partitions: int | None = None
    """How many the target rate needs, as the replicas; None where it cannot be told."""
    target_replicas: int | None = None


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of it."""

    topic: str
    begun: str
    """ISO 8601, UTC."""
    command: str
    """What was asked for."""
    processes: int
    partitions: int
    sent: int
    acknowledged: int
    failed: int
    failures: dict[str, int]
    """By the error's name."""
    fatal: str | None = None
    """The error after which nothing more could be sent; None: there was none."""
    behind: int
    """Records that were due and not handed over."""
    seconds: float
    """From the first record's time until the last one was acknowledged."""
    rate: float
    """Records acknowledged a second."""
    sampled: bool
    """Whether acknowledgements were counted, and their latencies told from that, in place of a report for each."""
    acknowledgement: Percentiles
    end_to_end: Percentiles | None = None
    verified: Found | None = None
    capacity: Capacity | None = None
    samples: list[Sample] = []
    events: list[Event] = []

    @property
    def verdict(self) -> "Verdict":
        """The most serious of what is true."""
        found, capacity = self.verified, self.capacity
        cases = (
            (found is not None and found.broken, Verdict.BROKEN),
            (self.fatal is not None, Verdict.FATAL),
            (self.failed > 0, Verdict.FAILED),
            (capacity is not None and capacity.rate is None, Verdict.INCAPABLE),
            (found is None, Verdict.SENT),
            (found is not None and found.uncertain, Verdict.UNCERTAIN),
            (found is not None and found.idle, Verdict.UNPROVEN),
        )
        return next((verdict for is_so, verdict in cases if is_so), Verdict.KEPT)

    @property
    def conclusion(self) -> str:
        """The verdict, with the error that ended the sending."""
        return self.verdict if self.fatal is None else f"{self.verdict} {self.fatal}"


class Verdict(StrEnum):
    """What a load comes to."""

    BROKEN = "A promise is broken."
    FATAL = "Nothing more could be sent."
    FAILED = "Records were not acknowledged."
    INCAPABLE = "The pool kept up with no rate that was tried."
    SENT = "Every record was acknowledged."
    UNCERTAIN = "Not all could be verified."
    UNPROVEN = "There are no results, and none was sure to come: nothing is proven."
    KEPT = "Every promise was kept."

    @property
    def good(self) -> bool:
        """Whether the load did what it was asked to."""
        return self in (Verdict.SENT, Verdict.UNPROVEN, Verdict.KEPT)
