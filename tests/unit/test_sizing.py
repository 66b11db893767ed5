"""What a load takes follows from measured figures, and no pod is ever without room or without partitions."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from supervisor.budget import MemoryBudget, needed
from supervisor.figures import MIB, RECORD_SECONDS, WORKER_BYTES
from supervisor.sizing import BUSY, Demand, TooFewPartitions, size


def test_a_small_load_takes_one_pod_with_all_partitions() -> None:
    found = size(Demand(rate=1000, partitions=4))
    assert (found.replicas, found.workers, found.most_workers) == (1, 4, 4)
    assert found.lag_threshold == 10_000


def test_cores_are_shared_out_evenly() -> None:
    """6 cores of handlers in pods of 2: five pods by CPU, six so that each of twelve partitions has like neighbours."""
    found = size(Demand(rate=6000, partitions=12, record_seconds=0.001, record_cpu=0.001))
    assert found.cores == pytest.approx(6 / BUSY, rel=0.02)
    assert (found.replicas, found.workers) == (6, 2)
    assert found.millicores >= found.cores / 6 * 1000


def test_a_handler_that_waits_takes_no_cores() -> None:
    found = size(Demand(rate=600, partitions=12, record_seconds=0.01, record_cpu=0.0))
    assert found.cores < 0.1
    assert found.replicas == 1
    assert found.busy == pytest.approx(0.5, rel=0.01)


def test_what_no_number_of_pods_can_do_is_refused() -> None:
    with pytest.raises(TooFewPartitions, match=r"give the topic 286 partitions") as refused:
        size(Demand(rate=20_000, partitions=12, record_seconds=0.01))
    assert size(Demand(rate=20_000, partitions=286, record_seconds=0.01)).busy <= BUSY
    assert "10 ms a record does 70" in str(refused.value)


def test_pods_that_there_are_always_may_be_smaller() -> None:
    alone, shared = (size(Demand(rate=1, partitions=12, least_replicas=least)) for least in (1, 4))
    assert (alone.most_workers, shared.most_workers) == (12, 3)
    assert alone.memory - shared.memory == pytest.approx(9 * WORKER_BYTES, abs=64 * 1024**2)


def test_queues_have_what_the_app_leaves() -> None:
    """The pod is as large, whoever holds it."""
    small, large = (size(Demand(rate=1, partitions=12, app_bytes=held)) for held in (0, 40 * MIB))
    assert small.memory == large.memory
    rooms = [MemoryBudget(found.memory_budget).room(12) for found in (small, large)]
    assert rooms[0] - rooms[1] == 40 * MIB


@given(
    rate=st.floats(0.1, 1e6),
    partitions=st.integers(1, 200),
    seconds=st.floats(0, 1),
    least=st.integers(1, 200),
    cores=st.floats(0.1, 16),
)
def test_whatever_the_demand(rate: float, partitions: int, seconds: float, least: int, cores: float) -> None:
    assume(least <= partitions)
    demand = Demand(rate, partitions, seconds, seconds, cores, least)
    try:
        found = size(demand)
    except TooFewPartitions:
        assert rate / partitions * (RECORD_SECONDS + seconds) > BUSY
        return
    assert least <= found.replicas <= partitions
    assert found.replicas * found.workers >= partitions
    assert least * found.most_workers >= partitions
    assert found.busy <= BUSY * 1.001
    assert found.memory > found.most_workers * demand.worker_bytes
    assert found.memory > found.max_memory
    assert needed(found.most_workers) <= found.memory_budget <= found.memory
    assert found.lag_threshold >= 1
