"""A pod's memory is shared out among as many workers as it can come to have."""

import pytest
from confluent_kafka import Consumer, Producer
from structlog.testing import capture_logs

from supervisor.budget import LEAST_ROOM, WORKER_BYTES, MemoryBudget, needed
from supervisor.figures import MIB, SUPERVISOR_BYTES
from workers import kafka


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


@pytest.mark.parametrize("room", [1, MIB, 64 * MIB, 4096 * MIB])
def test_queues_are_what_the_client_takes(room: int) -> None:
    """Of whatever size: an out-of-range property would end every worker."""
    mine: kafka.Properties = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}
    Consumer(kafka.worker_consumer(mine, "group", lambda _: None, room)).close()
    Producer(kafka.worker_producer(mine, 1_000_000, lambda _: None, room))


def test_the_users_own_properties_win() -> None:
    made = kafka.worker_consumer({"queued.min.messages": 7}, "group", lambda _: None, MIB)
    assert made["queued.min.messages"] == 7
    assert made["queued.max.messages.kbytes"] == 384


def test_the_largest_message_fits_into_the_smallest_queue() -> None:
    made = kafka.worker_producer({}, 8 * MIB, lambda _: None, MIB)
    assert made["queue.buffering.max.kbytes"] * 1024 >= made["message.max.bytes"]
