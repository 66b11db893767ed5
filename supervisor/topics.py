"""The topics of an app: which are there, which are made, which are waited for."""

import math
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata, ConfigResource, NewTopic, ResourceType
from msgspec import Struct

from workers.dead_letter import ENVELOPE_BYTES
from workers.errors import PoolError
from workers.loading import AgentDeclaration, Declaration
from workers.tiers import Tier, prefix_of

REQUEST_SECONDS: Final = 10.0
DEFAULT_MESSAGE_BYTES: Final = 1_048_588
"""A topic's `max.message.bytes` where it cannot be asked for."""
RETENTION_SECONDS: Final = 7 * 86400
"""How long a record is kept in a retry topic after it is due: as long as in most input topics."""

_PASSING: Final = frozenset(
    {
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NOT_CONTROLLER,
        KafkaError.THROTTLING_QUOTA_EXCEEDED,
    }
)
"""Why a topic cannot be made now, but later. (An admin client's errors are never `retriable()`.)"""


class TopicsRefused(PoolError):
    """A topic that the app cannot do without can neither be found nor made; the text has the cure."""


class TopicsReady(Struct, frozen=True):
    """What a look at the topics found."""

    inputs: dict[str, int]
    """Input and retry topics that are there, with their largest message in bytes."""
    counts: dict[str, int]
    """How many partitions those inputs had that were not just made."""
    missing: tuple[str, ...]
    """Input topics that are not."""
    missing_outputs: tuple[str, ...]
    made: tuple[str, ...]
    """Topics that were just made."""
    partitions: int
    """Of all input and retry topics that are there, together."""
    unread: tuple[str, ...] = ()
    """Retry topics of a delay that the app has no more."""


def prepare(admin: AdminClient, app: Declaration, create: int | None) -> TopicsReady:
    """Look which topics are there; make the dead-letter and retry topics, and with `create` the app's own.

    Blocks for up to some 30 s.

    Args:
        admin: a client.
        app: what the app declares.
        create: how many partitions to make missing inputs and outputs with; None: do not make them.

    Raises:
        TopicsRefused: a dead-letter or retry topic cannot be made.
        KafkaException: the brokers do not answer, or refuse.
    """
    # All topics, by no name: asking for one by name can create it.
    cluster = admin.list_topics(timeout=REQUEST_SECONDS)
    there = _there(cluster)
    made: list[str] = []
    if create:
        wanted = [a.topic for a in app.agents] + [a.output for a in app.agents if a.output]
        for topic in dict.fromkeys(wanted):
            if topic not in there:
                _make(admin, topic, create, {}, "create it yourself, or leave --create away")
                there[topic] = create
                made.append(topic)
    inputs = [agent for agent in app.agents if agent.topic in there]
    # Without a controller, as in librdkafka's mock cluster, nobody would answer.
    answers = cluster.controller_id in cluster.brokers
    sizes = _message_bytes(admin, [agent.topic for agent in inputs]) if answers else {}
    sizes = {agent.topic: sizes.get(agent.topic, DEFAULT_MESSAGE_BYTES) for agent in inputs}
    for letters in dict.fromkeys(agent.dead_letter for agent in inputs):
        if letters and letters not in there:
            served = [agent for agent in inputs if agent.dead_letter == letters]
            partitions = max(there[agent.topic] for agent in served)
            _make_dead_letters(admin, letters, served, partitions, max(sizes[agent.topic] for agent in served))
            made.append(letters)
    for agent in inputs:
        for tier in agent.tiers:
            if tier.topic not in there:
                _make_retries(admin, agent, tier, sizes[agent.topic])
                made.append(tier.topic)
    return TopicsReady(
        inputs=sizes | {t.topic: sizes[a.topic] + ENVELOPE_BYTES for a in inputs for t in a.tiers},
        counts={agent.topic: there[agent.topic] for agent in inputs if agent.topic not in made},
        missing=tuple(a.topic for a in app.agents if a.topic not in there),
        missing_outputs=tuple(dict.fromkeys(a.output for a in app.agents if a.output and a.output not in there)),
        made=tuple(made),
        partitions=partitions_of(inputs, there),
        unread=tuple(topic for agent in inputs for topic in _unread(agent, app.group, there)),
    )


def kept(seconds: float) -> dict[str, str]:
    """A topic's settings with which records are there for `seconds` and more, infinity for ever.

    Whatever the brokers' defaults are: none goes to make room, or for another one with its key.
    """
    milliseconds = -1 if seconds == math.inf else round(1000 * (seconds + RETENTION_SECONDS))
    return {"retention.ms": str(milliseconds), "retention.bytes": "-1", "cleanup.policy": "delete"}


def counts(admin: AdminClient) -> dict[str, int]:
    """The topics that there are, and how many partitions each has.

    Raises:
        KafkaException: the brokers do not answer.
    """
    return _there(admin.list_topics(timeout=REQUEST_SECONDS))


def partitions_of(agents: Iterable[AgentDeclaration], there: Mapping[str, int]) -> int:
    """How many partitions agents read.

    Args:
        agents: those whose input is not there read none.
        there: the topics that there are, and how many partitions each has.
    """
    found = [agent for agent in agents if agent.topic in there]
    return sum(there[agent.topic] + sum(there.get(tier.topic, 1) for tier in agent.tiers) for agent in found)


def _there(cluster: ClusterMetadata) -> dict[str, int]:
    """The topics that there are, and how many partitions each has."""
    return {name: len(topic.partitions) for name, topic in cluster.topics.items() if topic.error is None}


def _message_bytes(admin: AdminClient, topics: list[str]) -> dict[str, int]:
    if not topics:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
    answers = admin.describe_configs(resources, request_timeout=REQUEST_SECONDS)
    return {resource.name: _size(answer) for resource, answer in answers.items()}


def _size(answer: "Future[Mapping[str, Any]]") -> int:
    try:
        return int(answer.result()["max.message.bytes"].value)
    except (KafkaException, KeyError):
        # Not authorised to read settings, or a broker that has none: the default is what most topics have.
        return DEFAULT_MESSAGE_BYTES


def _make_dead_letters(
    admin: AdminClient, topic: str, served: Iterable[AgentDeclaration], partitions: int, message_bytes: int
) -> None:
    # A letter has its record's time, which may be long ago: no age is too great.
    config = {"max.message.bytes": str(message_bytes + ENVELOPE_BYTES), **kept(math.inf)}
    names = " and ".join(agent.name for agent in served)
    cure = (
        f"create it with {partitions} partitions and {_told(config)} (or less time, where that is refused: letters go"
        f" once their records are older), allow this user to create it, or give {names} dead_letter=None (a failing"
        " record then stops its partition)"
    )
    _make(admin, topic, partitions, config, cure)


def _make_retries(admin: AdminClient, agent: AgentDeclaration, tier: Tier, message_bytes: int) -> None:
    config = {"max.message.bytes": str(message_bytes + ENVELOPE_BYTES), **kept(tier.seconds)}
    cure = (
        f"create it with 1 partition and {_told(config)}, allow this user to create it,"
        f" or give {agent.name} no delayed="
    )
    _make(admin, tier.topic, 1, config, cure)


def _told(config: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in config.items())


def _unread(agent: AgentDeclaration, group: str, there: Iterable[str]) -> Iterator[str]:
    """Retry topics of the agent's topic that it does not read."""
    prefix = prefix_of(agent.topic, group)
    return (topic for topic in there if topic.startswith(prefix) and topic not in agent.reads)


def _make(admin: AdminClient, topic: str, partitions: int, config: dict[str, str], cure: str) -> None:
    new = NewTopic(topic, num_partitions=partitions, replication_factor=-1, config=config)
    try:
        admin.create_topics([new], request_timeout=REQUEST_SECONDS)[topic].result()
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return
        if reason.code() in _PASSING:
            raise
        raise TopicsRefused(f"topic {topic} is not there and cannot be created ({reason.str()}): {cure}") from error
