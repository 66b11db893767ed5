"""Settings that librdkafka refuses when a client is made: a mistake of the user's, told as such."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException

from workers.errors import ConfigInvalid


@contextmanager
def taken_settings() -> Iterator[None]:
    """A context in which clients are made.

    Raises:
        ConfigInvalid: librdkafka does not take the settings.
    """
    try:
        yield
    except KafkaException as failure:
        raise ConfigInvalid(f"librdkafka does not take the settings: {failure.args[0].str()}") from failure
