"""What a load found: the document of `--json`, from which the table and the page are drawn."""

from typing import Self

import msgspec

from supervisor.latencies import Latencies
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


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What `--verify` found."""

    output: str
    expect: str
    """Which records were to have a result: all, hot or some."""
    records: int
    """Different records in the loaded topic."""
    foreign: int = 0
    """Records in the loaded topic that are not of this load."""
    expected: int | None
    """How many of them were to have a result; None where there is no telling."""
    answered: int
    results: int
    missing: int
    missing_numbers: list[int]
    """The first few of them."""
    repeated: int
    disordered: int
    keyed: bool = True
    """Whether records have keys, and with them an order."""
    unfounded: int
    """Records with a result that were to have none, or of which there is none."""
    unnumbered: int
    """Results that do not say which record they are of."""
    exactly_once: bool
    """Whether a repeated result breaks a promise."""
    error: str | None
    """Why the topics could not be read wholly."""

    @property
    def broken(self) -> bool:
        """Whether a promise is."""
        unread = self.error is not None or (self.expected is not None and self.results == 0 < self.expected)
        wrong = self.missing or self.disordered or self.unfounded or self.unnumbered
        return bool(unread or wrong or (self.exactly_once and self.repeated))


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
    def broken(self) -> bool:
        """Whether a record was not acknowledged, none could be sent any more, or a promise is broken."""
        return self.failed > 0 or self.fatal is not None or (self.verified is not None and self.verified.broken)

    @property
    def incapable(self) -> bool:
        """Whether the pool kept up with none of the rates that were tried for capacity."""
        return self.capacity is not None and self.capacity.rate is None

    @property
    def bad(self) -> bool:
        """Whether either is so."""
        return self.broken or self.incapable
