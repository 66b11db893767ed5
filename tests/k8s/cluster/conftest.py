"""The cluster that KUBECONFIG names, a broker that its pods reach, and a stage on both.

K8S_HOST is this machine as the pods reach it: the broker listens there, or at K8S_BIND where that is another address
(in K8s-in-Docker the bridge's own, in a machine of its own whatever leads here). K8S_PORT is the broker's port.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.k8s.cluster.namespace import Namespace
from tests.k8s.cluster.stage import Stage
from tests.support.broker import JvmBroker
from tests.support.topics import Topics

HOST = os.environ.get("K8S_HOST") or "127.0.0.1"
BIND = os.environ.get("K8S_BIND") or "127.0.0.1"
PORT = os.environ.get("K8S_PORT") or "19092"

MakeStage = Callable[..., Stage]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a cluster nothing here can be told."""
    if not os.environ.get("KUBECONFIG"):
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="no cluster: make k8s-test KUBECONFIG=FILE"))


@pytest.fixture(scope="session")
def reachable_broker() -> Iterator[JvmBroker]:
    """A broker that pods and this machine reach by one address."""
    broker = JvmBroker(
        {
            "listeners": f"PLAINTEXT://{BIND}:{PORT},CONTROLLER://127.0.0.1:19093",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{PORT}",
            "controller.quorum.voters": "1@127.0.0.1:19093",
        }
    )
    broker.bootstrap = f"{HOST}:{PORT}"
    try:
        broker.start()
        yield broker
    finally:
        broker.remove()


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    made = Namespace()
    made.create()
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture
def make_stage(reachable_broker: JvmBroker, namespace: Namespace, tmp_path: Path) -> MakeStage:
    """Makes a stage; `Stage` tells the arguments."""

    def make(partitions: int = 4) -> Stage:
        return Stage(Topics(reachable_broker.bootstrap), namespace, tmp_path / "overlay", partitions)

    return make


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    return make_stage()
