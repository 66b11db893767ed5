"""A pod's memory is shared out among as many workers as it can come to have."""

import pytest
from confluent_kafka import Consumer, Producer
from structlog.testing import capture_logs

from supervisor.budget import LEAST_ROOM, WORKER_BYTES, MemoryBudget, needed
from supervisor.figures import MIB, SUPERVISOR_BYTES
from supervisor.states import PartitionState
from tests.unit.supervisor_parts import A, B, Clock, Stage
from workers import kafka
from workers.dead_letter import ENVELOPE_BYTES
from workers.queues import RECORD_BYTES, ahead, fetched, held, unsent


def test_all_together_keep_within_it() -> None:
    for workers in (1, 4, 16, 64):
        budget = needed(workers) + 300 * MIB
        room = MemoryBudget(budget).room(workers)
        assert budget - workers < SUPERVISOR_BYTES + workers * (WORKER_BYTES + room) <= budget


def test_the_least_is_enough() -> None:
    with capture_logs() as logs:
        assert MemoryBudget(needed(16)).room(16) == LEAST_ROOM
    assert logs == []


def test_too_small_a_budget_is_told_once_with_what_is_needed() -> None:
    budget = MemoryBudget(needed(16))
    with capture_logs() as logs:
        assert [budget.room(17), budget.room(17)] == [LEAST_ROOM, LEAST_ROOM]
    (entry,) = logs
    assert (entry["event"], entry["workers"], entry["needed"]) == ("memory_budget_exceeded", 17, needed(17))


def test_the_largest_message_is_reckoned_with() -> None:
    """A producer has to take it, however small its quarter is."""
    with capture_logs() as logs:
        MemoryBudget(needed(4)).room(4, MIB)
    (entry,) = logs
    assert entry["needed"] == needed(4, MIB) == needed(4) + 4 * (8 * (MIB + ENVELOPE_BYTES) - LEAST_ROOM)


@pytest.mark.parametrize("room", [1, MIB, 64 * MIB])
def test_a_workers_shares_are_no_more_than_its_room(room: int) -> None:
    consumer, producer = fetched(room), unsent(room, 0)
    shares = (
        consumer["queued.max.messages.kbytes"] * 1024 + consumer["queued.min.messages"] * RECORD_BYTES,
        producer["queue.buffering.max.kbytes"] * 1024 + producer["queue.buffering.max.messages"] * RECORD_BYTES,
        *(most.size + most.records * RECORD_BYTES for most in (held(room), ahead(room))),
    )
    assert room == 1 or sum(shares) <= room
    assert min(shares) > 0


def test_more_partitions_have_workers_of_larger_queues_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, "pool", "deaths", "process", "partition", "recycling")
    stage = Stage(budget=MemoryBudget(needed(2) + 8 * MIB))
    stage.assign({A: 5})
    stage.run(stage.forks.jobs[0], 4_000_000)
    clock.passes(1.0)
    stage.pool.reconcile(0)
    assert stage.pool.partitions[A].state is PartitionState.RUNNING
    stage.assign({B: 5})
    stage.pool.reconcile(0)
    assert stage.pool.partitions[A].state is PartitionState.RECYCLING
    assert stage.counted.recycles == [(*A, "memory_budget")]
    stage.close()


@pytest.mark.parametrize("room", [1, MIB, 64 * MIB, 4096 * MIB, 256 * 1024 * MIB])
def test_queues_are_what_the_client_takes(room: int) -> None:
    """Of whatever size: an out-of-range property would end every worker."""
    mine: kafka.Properties = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}
    Consumer(kafka.worker_consumer(mine, "group", lambda _: None, room)).close()
    Producer(kafka.worker_producer(mine, 1_000_000, lambda _: None, room))


def test_the_users_own_properties_win() -> None:
    made = kafka.worker_consumer({"queued.min.messages": 7}, "group", lambda _: None, MIB)
    assert made["queued.min.messages"] == 7
    assert made["queued.max.messages.kbytes"] == 320


def test_the_largest_message_fits_into_the_smallest_queue() -> None:
    made = kafka.worker_producer({}, 8 * MIB, lambda _: None, MIB)
    assert made["queue.buffering.max.kbytes"] * 1024 >= made["message.max.bytes"]
