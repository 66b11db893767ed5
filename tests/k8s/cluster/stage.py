"""A pool in a namespace, with topics on a broker that its pods can reach: what `Scene` is to a pool on this machine."""

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from supervisor import overlay
from tests.k8s.cluster.namespace import Namespace
from tests.k8s.cluster.verified_load import VerifiedLoad
from tests.k8s.kustomize import compose
from tests.support.readings import Results
from tests.support.stream import Stream
from tests.support.topics import Topics

SENSORS = "tests.apps.sensors:app"
PODS = "tests.apps.pods:app"
ALERTS = "tests.apps.alerts:app"
SCRIPTED = "tests.apps.scripted:app"
Patch = Sequence[Mapping[str, object]]
IMAGE = os.environ.get("K8S_IMAGE") or "partition-pool-test:0.1.0"


class Stage:
    """Topics and a group in Kafka, and an overlay that has the pool work on them.

    Args:
        topics: the broker's.
        namespace: where the pool is to run.
        folder: for the overlay.
        partitions: how many the input has.
    """

    def __init__(self, topics: Topics, namespace: Namespace, folder: Path, partitions: int = 4) -> None:
        self.topics = topics
        self.namespace = namespace
        self.folder = folder
        self.partitions = partitions
        self.group = f"group-{uuid.uuid4().hex[:10]}"
        self.input = topics.create("in", partitions)
        self.output = topics.create("out", 4)

    @property
    def dead(self) -> str:
        """The topic for the input's dead letters."""
        return f"{self.input}.{self.group}.dead"

    def deploy(
        self,
        *components: str,
        app: str = SENSORS,
        replicas: int = 1,
        memory: str = "384Mi",
        max_memory: str = "134217728",
        memory_budget: str = "290M",
        lag_threshold: int = 10,
        env: Mapping[str, str] | None = None,
        patches: Sequence[tuple[str, Patch]] = (),
        image: str = IMAGE,
    ) -> None:
        """Apply the overlay `dev` with what is given.

        Args:
            components: further ones.
            app: what to run.
            replicas: how many pods, where nothing scales them.
            memory: what a pod may take.
            max_memory: what a worker may take, bytes.
            memory_budget: what supervisor and workers may, by their queues.
            lag_threshold: how much lag asks for a pod.
            env: further variables.
            patches: kinds, and what to change in their objects.
            image: with the app.
        """
        numbers = overlay.Numbers(
            topic=self.input,
            output=self.output,
            dead_letters=self.dead,
            group=self.group,
            partitions=self.partitions,
            replicas=replicas,
            min_replicas=1,
            max_workers=str(self.partitions),
            lag_threshold=str(lag_threshold),
            cpu="20m",  # so that as many as there are partitions fit onto a small node
            memory=memory,
            max_memory=max_memory,
            memory_budget=memory_budget,
        )
        variables = {
            "KAFKA_BOOTSTRAP_SERVERS": self.topics.bootstrap,
            "KAFKA_SESSION_TIMEOUT_MS": "10000",
            "POOL_APP": app,
            "POOL_CREATE": "",
            "APP_INPUT": self.input,
            "APP_OUTPUT": self.output,
            **(env or {}),
        }
        name, _, tag = image.rpartition(":")
        compose(
            self.folder,
            *components,
            namespace=self.namespace.name,
            images=[{"name": "partition-pool", "newName": name, "newTag": tag}],
            configMapGenerator=[
                {"name": "pool-env", "behavior": "merge", "literals": [f"{k}={v}" for k, v in variables.items()]}
            ],
            patches=[{"target": {"kind": kind}, "patch": json.dumps(changes)} for kind, changes in [*patches, _OPEN]],
        )
        namespace = self.folder / "namespace.yaml"
        namespace.write_text(namespace.read_text().replace("partition-pool-dev", self.namespace.name))
        overlay.write(self.folder, numbers)
        self.namespace.apply(self.folder)

    def stream(self, rate: int, *, devices: int = 48) -> Stream:
        """A steady load on the input."""
        return Stream(self.topics, self.input, rate=rate, devices=devices)

    def verified_load(self, file: Path, *arguments: str) -> VerifiedLoad:
        """A load whose results are looked at; its figures go to `file`."""
        return VerifiedLoad(self.topics, self.input, self.output, file, *arguments)

    def wait_done(self, *, within: float = 90.0) -> Results:
        """Wait until the group has committed all of its input; the results that there are then."""
        self.topics.wait_lag(self.group, self.input, within=within)
        return self.topics.results(self.output)


_OPEN: tuple[str, Patch] = (
    "NetworkPolicy",
    [{"op": "replace", "path": "/spec/egress/1", "value": {}}],  # the tests' broker has a port of its own
)
