"""`memory_budget` holds where every queue is full: sixteen partitions, a deep backlog, a handler that is slow."""

import time

from tests.benchmarks.footprint import family, memory, parents
from tests.conftest import MakeScene
from tests.support.figures import Figures
from tests.support.pool import Pool
from tests.support.readings import reading
from tests.support.scene import SCRIPTED

PARTITIONS = 16
BUDGET_MIB = 512
BACKLOG = 640_000
SECONDS = 0.02
"""What a record takes its handler. All workers together then produce little, and the machine is left in peace."""
STILL_SECONDS = 3.0
"""For so long full queues do not grow."""


def test_full_queues_of_sixteen_workers_fit(make_scene: MakeScene, figure: Figures) -> None:
    scene = make_scene(partitions=PARTITIONS)
    slow = (reading(seq, devices=80, do="sleep", seconds=SECONDS) for seq in range(BACKLOG))  # spread evenly
    scene.topics.send(scene.input, slow)
    env = {
        "POOL_MEMORY_BUDGET": f"{BUDGET_MIB}M",
        "KAFKA_STATISTICS_INTERVAL_MS": "500",
        "POOL_BATCH_SIZE": "50",  # a worker tells of its queue when it polls
        "KAFKA_SESSION_TIMEOUT_MS": "45000",  # none is to go, however busy the machine
    }
    pool = scene.pool(SCRIPTED, env=env).wait_running(PARTITIONS)
    queued = _full(pool)
    held = sum(map(memory, family([pool.pid], parents())))
    figure("memory of 16 workers with full queues, MiB", held, f"<= {BUDGET_MIB}")
    figure("records in their queues", queued, "> 100,000")
    assert queued < BACKLOG * 0.8, "the backlog is too short to fill the queues"
    assert queued > 100_000, "the queues are not worth the name"
    assert held <= BUDGET_MIB
    assert held > BUDGET_MIB / 2, "the budget is there to be used"


def _full(pool: Pool) -> float:
    """Wait until the queues have stopped growing; how many records they hold."""
    most, grown = 0.0, time.monotonic()

    def still() -> bool:
        nonlocal most, grown
        queued = pool.metric("pool_kafka_fetch_queue")
        if queued > 1.02 * most:
            most, grown = queued, time.monotonic()
        return most > 0 and time.monotonic() - grown > STILL_SECONDS

    pool.wait_for(still, 30, "full queues", every=0.25)
    return most
