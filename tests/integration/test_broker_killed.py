"""One of three brokers is killed while transactions are between prepare and commit: nothing is lost or repeated.

Of three, because of Kafka 4: a broker that comes back takes partitions that have no leader yet for deleted ones, and
leaves out their transactions' markers. With replicas there always is a leader.
"""

import time
from collections import Counter
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.conftest import MakeScene
from tests.support.cluster import Cluster
from tests.support.pool import PROTOCOLS, Pool
from tests.support.scene import EXACTLY_ONCE
from tests.support.topics import Topics
from tests.support.transaction_log import last_states

RATE = 1000
PARTITIONS = 4
STALLED = 1.0
"""Seconds in which transactions that are to be committed cannot be."""


def _wait_progress(pool: Pool) -> None:
    """Wait until every partition has committed something more."""
    before = {partition.partition: partition.committed or 0 for partition in pool.status().partitions}

    def all_further() -> bool:
        now = {partition.partition: partition.committed or 0 for partition in pool.status().partitions}
        return len(now) == PARTITIONS and all(now[number] > before.get(number, 0) for number in now)

    pool.wait_for(all_further, 60, "every partition commits", every=0.05)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_between_prepare_and_commit(make_scene: MakeScene, tmp_path: Path, protocol: str) -> None:
    """Brokers send each other, and themselves, the markers of transactions through proxies, which hold them up."""
    with Cluster(tmp_path, 3, {"inter.broker.listener.name": "PROXIED"}) as cluster:
        scene = make_scene(Topics(cluster.bootstrap, replicas=3))
        pool = scene.pool(protocol=protocol, env=EXACTLY_ONCE).wait_running()
        caught: Counter[str] = Counter()
        with scene.stream(rate=RATE) as stream:
            for node in cluster.nodes:
                _wait_progress(pool)
                node.proxy.stall()
                time.sleep(STALLED)
                node.signal(SIGKILL)
                node.stop()
                # A dead machine's connections end; a proxy that kept them would leave its peers waiting for answers.
                node.proxy.flow()
                caught.update(last_states(node.directory / "data").values())
                _wait_progress(pool)
                node.launch()
                cluster.wait_ready()
                if caught["PrepareCommit"]:
                    break
            sent = stream.stop()
        scene.wait_done().assert_exactly_once(sent)
        assert caught["PrepareCommit"], f"no kill came between prepare and commit: {caught}"
        assert pool.events("record_suspected") == []
        assert pool.terminate() == 0
