"""Waits, beside the supervisor's loop, for the app's topics to be there."""

from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from time import monotonic
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from supervisor.background import in_background
from supervisor.topics import TopicsReady, TopicsRefused, counts, partitions_of, prepare
from workers.loading import Declaration
from workers.log import log
from workers.records import TopicPartition

LOOK_SECONDS: Final = 2.0
SAY_SECONDS: Final = 30.0


class TopicWatch:
    """Looks for input topics until all are there, and sees to their dead-letter and retry topics first.

    Args:
        admin: a client.
        app: what the app declares.
        create: how many partitions to make missing topics with; None: wait for them.
    """

    def __init__(self, admin: AdminClient, app: Declaration, create: int | None) -> None:
        self.inputs: dict[str, int] = {}
        """Input and retry topics that are ready to be read, with their largest message in bytes."""
        self.partitions = 0
        """Of all of them together."""
        self.reads = {topic for agent in app.agents for topic in agent.reads}
        """Input and retry topics that the app declares, ready or not."""
        self._admin = admin
        self._app = app
        self._create = create
        self._answer: Future[TopicsReady] | None = None
        self._counts: Future[dict[str, int]] | None = None
        self._found: dict[str, int] | None = None
        """How many partitions the topics that were there had, at the first look; fewer where they had fewer since."""
        self._look_at = 0.0
        self._said_at = -SAY_SECONDS
        self._outputs_said: set[str] = set()
        self._unread_said: set[str] = set()

    def turn(self) -> bool:
        """Look, when it is time to; whether topics have become ready since the last turn.

        Raises:
            TopicsRefused: a topic that is needed cannot be made.
        """
        if self._counts is not None and self._counts.done():
            counted, self._counts = self._counts, None
            with suppress(KafkaException, RuntimeError):  # the next rebalance asks again
                self._take_counts(counted.result())
        if self._answer is not None and self._answer.done():
            answer, self._answer = self._answer, None
            return self._take(answer)
        if self._answer is None and self.inputs.keys() < self.reads and monotonic() >= self._look_at:
            self._answer = in_background(lambda: prepare(self._admin, self._app, self._create))
        return False

    def gained(self, partition: TopicPartition) -> bool:
        """Whether an input topic's partition was not there yet at the first look, or has been gone since."""
        return self._found is not None and partition.partition >= self._found.get(partition.topic, 0)

    def recount(self) -> None:
        """Have the partitions counted anew: a rebalance may be for some that a topic has gained, or lost with it."""
        if self._counts is None:
            self._counts = in_background(lambda: counts(self._admin))

    def _take_counts(self, there: Mapping[str, int]) -> None:
        self.partitions = partitions_of(self._app.agents, there)
        # Of a topic that was deleted all is new, should it come back.
        self._found = {topic: min(found, there.get(topic, 0)) for topic, found in (self._found or {}).items()}

    def _take(self, answer: "Future[TopicsReady]") -> bool:
        self._look_at = monotonic() + LOOK_SECONDS
        try:
            found = answer.result()
        except TopicsRefused:
            raise
        except (KafkaException, RuntimeError) as error:
            message = error.args[0].str() if isinstance(error, KafkaException) else str(error)
            self._say("brokers_unanswered", message=message, retry_in=LOOK_SECONDS)
            return False
        if self._found is None:
            self._found = found.counts
        for topic in found.made:
            log.info("topic_created", topic=topic)
        for topic in set(found.missing_outputs) - self._outputs_said:
            self._outputs_said.add(topic)
            log.warning("output_topic_missing", topic=topic, cure="create it, or its results go to the dead letters")
        for topic in set(found.unread) - self._unread_said:
            self._unread_said.add(topic)
            cure = "records may wait there: declare its delay again until it has run empty, then delete it"
            log.warning("retry_topic_unread", topic=topic, cure=cure)
        if found.missing:
            self._say("waiting_for_topics", topics=list(found.missing), cure="create them, or start with --create N")
        grown = found.inputs.keys() - self.inputs.keys()
        self.inputs |= found.inputs
        self.partitions = found.partitions
        return bool(grown)

    def _say(self, event: str, **facts: object) -> None:
        if monotonic() - self._said_at >= SAY_SECONDS:
            self._said_at = monotonic()
            log.warning(event, **facts)
