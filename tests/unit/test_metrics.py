"""Metrics are valid for Prometheus in both its formats, and say what status, slots and counters say."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector

from supervisor.metrics import AllMetrics, Counters, Distribution, PoolCollector, Rebalance, Totals
from supervisor.status import PartitionStatus, PoolStatus
from workers import slot
from workers.records import TopicPartition

RUNNING = PartitionStatus(
    topic="t", partition=0, pid=7, state="running", position=12, committed=10, end=20, lag=10, restarts=2
)
WAITING = PartitionStatus(topic="t", partition=1, state="waiting")


def words(**values: int) -> list[int]:
    row = [0] * slot.WORDS
    for name, value in values.items():
        row[getattr(slot, name)] = value
    return row


def registry(
    *partitions: PartitionStatus, totals: Totals | None = None, counters: Counters | None = None
) -> CollectorRegistry:
    status = PoolStatus(
        state="running", group="g", protocol="classic", uptime_s=1.0, version="1.2", partitions=list(partitions)
    )
    metrics = CollectorRegistry()
    metrics.register(PoolCollector(lambda: status, lambda: totals or {}, counters or Counters()))
    return metrics


def value(metrics: CollectorRegistry, name: str, labels: Mapping[str, str] | None = None) -> float | None:
    return metrics.get_sample_value(name, dict(labels or {}))


def names(parse: Callable[[str], Iterable[Metric]], page: bytes) -> list[str]:
    return [family.name for family in parse(page.decode())]


def at(partition: int, **labels: str) -> dict[str, str]:
    return {"topic": "t", "partition": str(partition), **labels}


def test_gauges_come_from_the_status() -> None:
    metrics = registry(RUNNING, WAITING)
    assert value(metrics, "pool_position", at(0)) == 12
    assert value(metrics, "pool_committed", at(0)) == 10
    assert value(metrics, "pool_end", at(0)) == 20
    assert value(metrics, "pool_lag", at(0)) == 10
    assert value(metrics, "pool_worker_restarts_total", at(0)) == 2
    assert value(metrics, "pool_partitions") == 2
    assert value(metrics, "pool_partitions_waiting") == 1
    assert value(metrics, "pool_info", {"version": "1.2", "group": "g", "protocol": "classic"}) == 1
    assert value(metrics, "pool_state", {"state": "running"}) == 1
    assert value(metrics, "pool_state", {"state": "draining"}) == 0


def test_what_is_not_known_is_left_out() -> None:
    assert value(registry(WAITING), "pool_lag", at(1)) is None


def test_a_partition_is_in_one_state() -> None:
    metrics = registry(RUNNING)
    assert value(metrics, "pool_worker_state", at(0, state="running")) == 1
    assert value(metrics, "pool_worker_state", at(0, state="backing_off")) == 0


def test_counters_come_from_the_totals_of_partitions_that_moved_away_too() -> None:
    totals = {
        TopicPartition("t", 0): words(
            RECORDS=9, RESULTS=8, RETRIES=7, DEAD_LETTERS=6, FLUSHES=5, FLUSH_NS=1_500_000_000
        ),
        TopicPartition("t", 5): words(RECORDS=3),
    }
    metrics = registry(RUNNING, totals=totals)
    assert value(metrics, "pool_records_total", at(0)) == 9
    assert value(metrics, "pool_results_total", at(0)) == 8
    assert value(metrics, "pool_retries_total", at(0)) == 7
    assert value(metrics, "pool_dead_letters_total", at(0)) == 6
    assert value(metrics, "pool_flushes_total", at(0)) == 5
    assert value(metrics, "pool_flush_seconds_total", at(0)) == 1.5
    assert value(metrics, "pool_records_total", at(5)) == 3


def test_client_gauges_are_those_of_living_workers() -> None:
    totals = {TopicPartition("t", 0): words(RTT_US=1500, FETCH_QUEUE=4), TopicPartition("t", 1): words(RTT_US=9)}
    metrics = registry(RUNNING, WAITING, totals=totals)
    assert value(metrics, "pool_kafka_rtt_seconds", at(0)) == 0.0015
    assert value(metrics, "pool_kafka_fetch_queue", at(0)) == 4
    assert value(metrics, "pool_kafka_rtt_seconds", at(1)) is None


def test_a_slots_histogram_becomes_prometheus_buckets() -> None:
    row = memoryview(bytearray(slot.SLOT_BYTES)).cast("q")
    for microseconds, count in ((5, 10), (6, 1), (20_000_000, 1)):
        slot.HANDLER.observe(row, microseconds, count)
    metrics = registry(RUNNING, totals={TopicPartition("t", 0): row})
    assert value(metrics, "pool_handler_seconds_bucket", at(0, le="2e-06")) == 0
    assert value(metrics, "pool_handler_seconds_bucket", at(0, le="5e-06")) == 10
    assert value(metrics, "pool_handler_seconds_bucket", at(0, le="1e-05")) == 11
    assert value(metrics, "pool_handler_seconds_bucket", at(0, le="10.0")) == 11
    assert value(metrics, "pool_handler_seconds_bucket", at(0, le="+Inf")) == 12
    assert value(metrics, "pool_handler_seconds_count", at(0)) == 12
    assert value(metrics, "pool_handler_seconds_sum", at(0)) == pytest.approx(20.000056)


def test_the_supervisors_own_counters() -> None:
    counters = Counters()
    counters.died("t", 0, "signal SIGKILL")
    counters.died("t", 0, "signal SIGKILL")
    counters.lost_records("t", 0, 40)
    counters.rebalanced(Rebalance.REVOKED, 0.2)
    counters.committed(0.03)
    counters.commit_failed("ILLEGAL_GENERATION")
    metrics = registry(counters=counters)
    assert value(metrics, "pool_worker_deaths_total", at(0, cause="signal SIGKILL")) == 2
    assert value(metrics, "pool_lost_records_total", at(0)) == 40
    assert value(metrics, "pool_rebalances_total", {"kind": "revoked"}) == 1
    assert value(metrics, "pool_rebalances_total", {"kind": "lost"}) == 0
    assert value(metrics, "pool_rebalance_seconds_sum", {"kind": "revoked"}) == 0.2
    assert value(metrics, "pool_commit_seconds_bucket", {"le": "0.025"}) == 0
    assert value(metrics, "pool_commit_seconds_bucket", {"le": "0.05"}) == 1
    assert value(metrics, "pool_commit_errors_total", {"code": "ILLEGAL_GENERATION"}) == 1


def test_a_distribution_counts_a_bound_into_its_bucket() -> None:
    distribution = Distribution((1.0, 2.0))
    for seconds in (1.0, 1.5, 9.0):
        distribution.observe(seconds)
    assert distribution.count == 3


@pytest.mark.parametrize("partitions", [(), (RUNNING, WAITING)], ids=["idle", "busy"])
def test_both_formats_are_valid_and_name_everything_once(partitions: tuple[PartitionStatus, ...]) -> None:
    counters = Counters()
    counters.died('odd"topic\n', 0, "exit code 1")
    totals = {TopicPartition("t", 0): words(RECORDS=1)}
    metrics = registry(*partitions, totals=totals, counters=counters)
    plain = names(parse_text, generate_latest(metrics))
    modern = names(parse_openmetrics, openmetrics.generate_latest(metrics))  # type: ignore[no-untyped-call]  # prometheus-client's
    assert len(modern) == len(set(modern))
    assert set(plain) == set(modern)
    assert {"pool_records", "pool_handler_seconds", "pool_end_to_end_latency_seconds", "pool_batch_size"} <= set(modern)


class Fixed(Collector):
    def __init__(self, *names: str) -> None:
        self._names = names

    def collect(self) -> Iterator[Metric]:
        for name in self._names:
            yield GaugeMetricFamily(name, "text", 1)


def test_a_users_metric_cannot_break_the_pools() -> None:
    everything = AllMetrics(Fixed("pool_lag"), Fixed("pool_lag", "pool_size"))
    assert [family.name for family in everything.collect()] == ["pool_lag", "pool_size"]
    assert [family.name for family in everything.collect()] == ["pool_lag", "pool_size"]
