"""The pool's metrics at `/metrics`: drawn from its status, the workers' slots, and what the supervisor counts itself.

The counters of a partition go on over its workers' deaths, for they are added up outside of the workers.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import accumulate
from threading import Lock
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from supervisor.states import PartitionState, SupervisorState
from supervisor.status import PartitionStatus, PoolStatus
from workers import slot
from workers.log import log
from workers.records import TopicPartition

PARTITION: Final = ("topic", "partition")

_COUNTERS: Final = (
    ("pool_records", slot.RECORDS, 1.0, "Records handled."),
    ("pool_results", slot.RESULTS, 1.0, "Results produced."),
    ("pool_retries", slot.RETRIES, 1.0, "Further attempts at a record that failed."),
    ("pool_dead_letters", slot.DEAD_LETTERS, 1.0, "Records sent to the dead-letter topic."),
    ("pool_delayed_retries", slot.DELAYED, 1.0, "Records sent to a retry topic, to be tried again later."),
    ("pool_replays_skipped", slot.SKIPPED, 1.0, "Records passed over, since they are for another group."),
    ("pool_flushes", slot.FLUSHES, 1.0, "Times that a worker made sure that its results were acknowledged."),
    ("pool_flush_seconds", slot.FLUSH_NS, 1e-9, "Seconds until they were, all together."),
    ("pool_transactions_aborted", slot.ABORTS, 1.0, "Transactions that workers took back."),
    ("pool_kafka_sent_bytes", slot.TX_BYTES, 1.0, "Bytes that workers' producers sent to brokers."),
    ("pool_kafka_received_bytes", slot.RX_BYTES, 1.0, "Bytes that workers' consumers received from brokers."),
    ("pool_kafka_retries", slot.TX_RETRIES, 1.0, "Requests that workers' producers sent again."),
)
_HISTOGRAMS: Final = (
    ("pool_handler_seconds", slot.HANDLER, "Time in the handler per record, as a mean over those handled in one go."),
    ("pool_end_to_end_latency_seconds", slot.LATENCY, "From a record's timestamp to its being handled."),
    ("pool_batch_size", slot.BATCH, "Records handled in one turn of a worker's loop."),
)
_CLIENT_GAUGES: Final = (
    ("pool_kafka_rtt_seconds", slot.RTT_US, 1e-6, "Mean round trip to the slowest broker, as the producer saw it."),
    ("pool_kafka_fetch_queue", slot.FETCH_QUEUE, 1.0, "Records fetched that wait for the worker."),
    ("pool_kafka_fetch_queue_bytes", slot.FETCH_QUEUE_BYTES, 1.0, "The same in bytes."),
    ("pool_kafka_produce_queue", slot.PRODUCE_QUEUE, 1.0, "Results that wait for their acknowledgement."),
)
_STATUS_GAUGES: Final[tuple[tuple[str, Callable[[PartitionStatus], int | None], str], ...]] = (
    ("pool_position", lambda partition: partition.position, "Offset of the next record to handle."),
    ("pool_committed", lambda partition: partition.committed, "Offset last committed."),
    ("pool_end", lambda partition: partition.end, "High watermark as last fetched."),
    ("pool_partition_guarded", lambda partition: partition.guarded, "1 while too many records fail and all wait."),
    ("pool_lag", lambda partition: partition.lag, "Offsets between the committed one and the high watermark."),
)

_COMMIT_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
_REBALANCE_SECONDS: Final = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)

Totals = Mapping[TopicPartition, Sequence[int]]
"""For each partition a slot's words, `slot.COUNTERS` of them added up over all its workers."""


class Rebalance(StrEnum):
    """What the group did with partitions of this member."""

    ASSIGNED = "assigned"
    REVOKED = "revoked"
    LOST = "lost"


class Distribution:
    """Observations counted by size, with their sum.

    Args:
        bounds: the upper bound of each bucket, ascending; what is above them all is counted, too.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self._counts)

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str] = ()) -> None:
        family.add_metric(labels, _buckets(self._bounds, self._counts), self._sum)


class Counters(Collector):
    """What the supervisor itself counts; its loop counts, and another thread may collect meanwhile."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._deaths: Counter[tuple[str, str, str]] = Counter()
        self._fences: Counter[tuple[str, str]] = Counter()
        self._recycles: Counter[tuple[str, str, str]] = Counter()
        self._lost: Counter[tuple[str, str]] = Counter()
        self._commit_errors: Counter[tuple[str]] = Counter()
        self._commits = Distribution(_COMMIT_SECONDS)
        self._rebalances = {kind: Distribution(_REBALANCE_SECONDS) for kind in Rebalance}

    def died(self, topic: str, partition: int, cause: str) -> None:
        """A worker died other than by a drain; `cause` is one of a few, such as "signal SIGKILL"."""
        with self._lock:
            self._deaths[topic, str(partition), cause] += 1

    def fenced(self, topic: str, partition: int) -> None:
        """A worker was fenced: its transaction timed out, or another worker has taken over."""
        with self._lock:
            self._fences[topic, str(partition)] += 1

    def recycled(self, topic: str, partition: int, reason: str) -> None:
        """A worker is drained to be replaced, for the setting named `reason`."""
        with self._lock:
            self._recycles[topic, str(partition), reason] += 1

    def lost_records(self, topic: str, partition: int, count: int) -> None:
        """The log had deleted `count` offsets before they were read."""
        with self._lock:
            self._lost[topic, str(partition)] += count

    def rebalanced(self, kind: Rebalance, seconds: float) -> None:
        """A callback of the group took `seconds`, with the drain that it may contain."""
        with self._lock:
            self._rebalances[kind].observe(seconds)

    def committed(self, seconds: float) -> None:
        """A commit was accepted, `seconds` after it was sent."""
        with self._lock:
            self._commits.observe(seconds)

    def commit_failed(self, code: str) -> None:
        """A commit was refused; `code` is Kafka's name of the error."""
        with self._lock:
            self._commit_errors[(code,)] += 1

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            families = list(self._families())
        yield from families

    def _families(self) -> Iterator[Metric]:
        yield _counted(
            "pool_worker_deaths", "Workers that died undrained.", (*PARTITION, "cause"), self._deaths.items()
        )
        yield _counted(
            "pool_worker_recycles",
            "Workers drained and replaced for what they had taken.",
            (*PARTITION, "reason"),
            self._recycles.items(),
        )
        yield _counted(
            "pool_worker_fences",
            "Workers fenced by another, or for a transaction's timeout.",
            PARTITION,
            self._fences.items(),
        )
        yield _counted("pool_lost_records", "Offsets deleted before they were read.", PARTITION, self._lost.items())
        yield _counted("pool_commit_errors", "Commits refused.", ("code",), self._commit_errors.items())
        commits = HistogramMetricFamily("pool_commit_seconds", "From a commit to its being accepted.")
        self._commits.add_to(commits)
        yield commits
        count = CounterMetricFamily("pool_rebalances", "Callbacks of the group.", labels=["kind"])
        seconds = HistogramMetricFamily("pool_rebalance_seconds", "Time in these callbacks.", labels=["kind"])
        for kind, distribution in self._rebalances.items():
            distribution.add_to(seconds, [kind])
            count.add_metric([kind], distribution.count)
        yield count
        yield seconds


class PoolCollector(Collector):
    """The pool's own metrics, made when they are asked for.

    Args:
        snapshot: gives the pool's status; called from the HTTP server's threads.
        totals: gives the counters of every partition that was ever here, so that none goes back; called likewise.
        counters: what the supervisor counts itself.
    """

    def __init__(self, snapshot: Callable[[], PoolStatus], totals: Callable[[], Totals], counters: Counters) -> None:
        self._snapshot = snapshot
        self._totals = totals
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        status, totals = self._snapshot(), self._totals()
        yield from _of_pool(status)
        yield from _of_partitions(status.partitions)
        yield from _of_clients(status.partitions, totals)
        yield from _of_totals(totals)
        yield from self._counters.collect()


class AllMetrics(Collector):
    """Several collectors as one, in which a metric's name occurs once: the first to use it has it.

    Two metrics of one name make a scrape invalid as a whole, and a user may well name one as the pool does.
    """

    def __init__(self, *collectors: Collector) -> None:
        self._collectors = collectors
        self._refused: set[str] = set()

    def collect(self) -> Iterator[Metric]:
        seen: set[str] = set()
        for collector in self._collectors:
            for family in collector.collect():
                if family.name not in seen:
                    seen.add(family.name)
                    yield family
                elif family.name not in self._refused:
                    self._refused.add(family.name)
                    log.warning("metric_name_taken", metric=family.name, cure="give the app's metric another name")


def _of_pool(status: PoolStatus) -> Iterator[Metric]:
    info = GaugeMetricFamily("pool_info", "What runs here.", labels=["version", "group", "protocol"])
    info.add_metric([status.version, status.group, status.protocol], 1)
    yield info
    state = GaugeMetricFamily("pool_state", "1 for the supervisor's state, else 0.", labels=["state"])
    for name in SupervisorState:
        state.add_metric([name], name == status.state)
    yield state
    yield GaugeMetricFamily("pool_partitions", "Partitions assigned.", len(status.partitions))
    waiting = sum(partition.state == PartitionState.WAITING for partition in status.partitions)
    yield GaugeMetricFamily("pool_partitions_waiting", "Of these, without a worker and due for one.", waiting)


def _of_partitions(partitions: Sequence[PartitionStatus]) -> Iterator[Metric]:
    for name, value_of, text in _STATUS_GAUGES:
        gauge = GaugeMetricFamily(name, text, labels=PARTITION)
        for partition in partitions:
            value = value_of(partition)
            if value is not None:
                gauge.add_metric(_labels(partition.topic, partition.partition), value)
        yield gauge
    restarts = CounterMetricFamily("pool_worker_restarts", "Workers that died and were replaced.", labels=PARTITION)
    state = GaugeMetricFamily("pool_worker_state", "1 for the partition's state, else 0.", labels=(*PARTITION, "state"))
    for partition in partitions:
        labels = _labels(partition.topic, partition.partition)
        restarts.add_metric(labels, partition.restarts)
        for name in PartitionState:
            state.add_metric([*labels, name], name == partition.state)
    yield restarts
    yield state


def _of_clients(partitions: Sequence[PartitionStatus], totals: Totals) -> Iterator[Metric]:
    living = [TopicPartition(it.topic, it.partition) for it in partitions if it.pid is not None]
    for name, word, unit, text in _CLIENT_GAUGES:
        gauge = GaugeMetricFamily(name, text, labels=PARTITION)
        for partition in living:
            if partition in totals:
                gauge.add_metric(_labels(*partition), totals[partition][word] * unit)
        yield gauge


def _of_totals(totals: Totals) -> Iterator[Metric]:
    for name, word, unit, text in _COUNTERS:
        counter = CounterMetricFamily(name, text, labels=PARTITION)
        for partition, words in totals.items():
            counter.add_metric(_labels(*partition), words[word] * unit)
        yield counter
    for name, histogram, text in _HISTOGRAMS:
        family = HistogramMetricFamily(name, text, labels=PARTITION)
        # Rounded, for 5 * 1e-6 is 4.9999999999999996e-06.
        bounds = [round(bound * histogram.unit, 9) for bound in histogram.bounds]
        for partition, words in totals.items():
            counts = [words[bucket] for bucket in histogram.buckets]
            family.add_metric(_labels(*partition), _buckets(bounds, counts), words[histogram.sum] * histogram.unit)
        yield family


def _buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Each bound with how many observations lie at or below it, as Prometheus wants them."""
    names = [*(str(float(bound)) for bound in bounds), "+Inf"]
    return list(zip(names, accumulate(counts), strict=True))


def _counted(
    name: str, text: str, labels: Sequence[str], counts: Iterable[tuple[Sequence[str], int]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in counts:
        family.add_metric(values, count)
    return family


def _labels(topic: str, partition: int) -> Sequence[str]:
    return (topic, str(partition))
