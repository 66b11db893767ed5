"""The topic to be loaded: found, or made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from supervisor.client_settings import taken_settings
from supervisor.load_refused import LoadRefused
from workers.settings import Settings

_BROKER_SECONDS: Final = 10.0


def prepare_topic(settings: Settings, topic: str, partitions: int | None) -> int:
    """See that the topic is there.

    Args:
        settings: for the connection.
        topic: its name.
        partitions: with how many to create it where it is not there; None: it has to be.

    Returns:
        How many partitions it has.

    Raises:
        ConfigInvalid: librdkafka does not take the settings.
        LoadRefused: it is not, or not with so many partitions.
    """
    with _admin(settings) as admin:
        # Asking for the one topic would have some brokers create it.
        found = admin.list_topics(timeout=_BROKER_SECONDS).topics.get(topic)
        if found is not None:
            if partitions not in (None, len(found.partitions)):
                raise LoadRefused(
                    f"topic {topic} is there already with {len(found.partitions)} partitions, not {partitions}:"
                    " leave out --create, or name another topic"
                )
            return len(found.partitions)
        if partitions is None:
            raise LoadRefused(f"topic {topic} is not there: create it, or give --create PARTITIONS")
        _create_topic(admin, topic, partitions)
        return partitions


def _create_topic(admin: AdminClient, topic: str, partitions: int) -> None:
    try:
        admin.create_topics([NewTopic(topic, partitions)], request_timeout=_BROKER_SECONDS)[topic].result()
    except KafkaException as failure:
        error = failure.args[0]
        if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:  # somebody was quicker
            raise LoadRefused(
                f"topic {topic} could not be created: {error.str()}; create it with the brokers' own tools"
            ) from failure


@contextmanager
def _admin(settings: Settings) -> Iterator[AdminClient]:
    """An admin client; that no broker answers becomes a `LoadRefused` with what the client saw last."""
    seen: list[str] = []
    properties: dict[str, Any] = {
        **settings.client("admin"),
        "log_level": 0,  # what went wrong is in the error
        "error_cb": lambda error: seen.append(error.str()),
    }
    with taken_settings():
        admin = AdminClient(properties)
    try:
        yield admin
    except KafkaException as failure:
        admin.poll(0)
        error = failure.args[0]
        servers = properties.get("bootstrap.servers", "no address")
        raise LoadRefused(
            f"no broker answered within {_BROKER_SECONDS:g} s at {servers}: {seen[0] if seen else error.str()};"
            " check that it runs, and give its address with --bootstrap HOST:PORT"
        ) from failure
