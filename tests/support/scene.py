"""What a scenario plays on: an input topic, an output topic, a consumer group, and the pools that serve it."""

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.pool import Pool
from tests.support.readings import Results
from tests.support.stream import Stream
from tests.support.topics import Topics

SENSORS = "tests.apps.sensors:app"
SCRIPTED = "tests.apps.scripted:app"
EXACTLY_ONCE = {"POOL_GUARANTEE": "exactly_once"}


class Scene:
    """Topics and a group of its own, on a broker that others use too.

    Args:
        topics: the broker's.
        directory: where pools leave their logs.
        partitions: how many the input topic has.
        create: whether the input topic is there from the beginning.
    """

    def __init__(self, topics: Topics, directory: Path, *, partitions: int = 4, create: bool = True) -> None:
        self.topics = topics
        self.directory = directory
        self.group = f"group-{uuid.uuid4().hex[:10]}"
        self.partitions = partitions
        self.input = topics.create("in", partitions) if create else f"in-{uuid.uuid4().hex[:10]}"
        self.output = topics.create("out", 4)
        self.pools: list[Pool] = []

    @property
    def dead(self) -> str:
        """The topic for the input's dead letters."""
        return f"{self.input}.{self.group}.dead"

    def pool(
        self,
        app: str = SENSORS,
        *,
        protocol: str = "classic",
        env: Mapping[str, str] | None = None,
        through: Sequence[str] = (),
    ) -> Pool:
        """Start a supervisor of the group; see `Pool`."""
        own = {"APP_INPUT": self.input, "APP_OUTPUT": self.output, "POOL_GROUP": self.group}
        made = Pool(
            self.topics.bootstrap,
            app,
            self.directory,
            protocol=protocol,
            env={**own, **(env or {})},
            through=through,
        )
        self.pools.append(made)
        return made

    def stream(self, *, rate: int, count: int | None = None, devices: int = 40, first: int = 0) -> Stream:
        """A steady load on the input topic; see `Stream`."""
        return Stream(self.topics, self.input, rate=rate, count=count, devices=devices, first=first)

    def wait_done(self, *, within: float = 60.0) -> Results:
        """Wait until the group has committed all of its input; the results that there are then."""
        self.topics.wait_lag(self.group, self.input, within=within)
        return self.topics.results(self.output)

    def close(self) -> None:
        """End all pools, and check that each leaves nothing behind."""
        for pool in self.pools:
            pool.close()
