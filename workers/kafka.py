"""The settings that the pool's Kafka clients run with: what it must own, and its defaults below the user's own."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from workers.dead_letter import ENVELOPE_BYTES
from workers.guarantee import Guarantee
from workers.log import kafka_logger
from workers.queues import fetched, unsent
from workers.records import TopicPartition
from workers.settings import GroupProtocol, Settings

Properties = Mapping[str, str | int | float | bool]

_COMMON: Final[Properties] = {
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 2000,
    "log.connection.close": False,
}
_STATISTICS: Final[Properties] = {"statistics.interval.ms": 5000}
_CONSUMER: Final[Properties] = {
    **_STATISTICS,
    # librdkafka waits a whole second when its queue has filled: a fast reader would stall each time.
    "fetch.queue.backoff.ms": 5,
    "queued.max.messages.kbytes": 32 * 1024,
    # Of small records: as fast as librdkafka's 100,000, and two thirds of the memory.
    "queued.min.messages": 30_000,
}
_CONSUMER_FORCED: Final[Properties] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    # Behind transactions the last offset is below the end; only the EOF event tells that all is read.
    "enable.partition.eof": True,
    # An offset out of range is never passed over in silence.
    "auto.offset.reset": "error",
}
_PRODUCER: Final[Properties] = {
    **_STATISTICS,
    # While there is a backlog; a worker that has caught up sends sooner (see Outbox.push).
    "linger.ms": 50,
    # Each keeps its record in memory until it is acknowledged: more of them than a core's cache holds are slower.
    "batch.num.messages": 500,
    "compression.type": "lz4",
    "queue.buffering.max.kbytes": 64 * 1024,
    # An outage is waited out: the offset stays where it is until the brokers are back.
    "message.timeout.ms": 0,
    "topic.metadata.propagation.max.ms": 5000,
}
_PRODUCER_FORCED: Final[Properties] = {
    "enable.idempotence": True,
    "delivery.report.only.error": True,
}
_TRANSACTIONAL: Final[Properties] = {
    # None stays open across a slow handler, so a dead worker's may be ended soon.
    "transaction.timeout.ms": 15_000,
    # An idle transaction is a few requests: with the default of 100 ms it would mostly wait.
    "retry.backoff.ms": 2,
}
_UNREAD: Final[Properties] = {
    # Each report would stay in the client's memory until somebody took it.
    "statistics.interval.ms": 0,
}
"""Of clients of which nobody takes statistics."""
READS_TRANSACTIONS: Final[Properties] = {"isolation.level": "read_committed"}
"""What the consumer of an exactly-once worker has besides, whatever the user says."""
_SUPERVISOR: Final[Properties] = {
    # How soon partitions that a topic gains are noticed (classic protocol).
    "topic.metadata.refresh.interval.ms": 10_000,
    "partition.assignment.strategy": "cooperative-sticky",
}
_SUPERVISOR_FORCED: Final[Properties] = {
    **_UNREAD,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
}
_READER_FORCED: Final[Properties] = {
    **_UNREAD,
    "enable.auto.commit": False,
    # Committed ones of a dead worker's open transaction would only be told once a successor has ended it.
    "isolation.level": "read_uncommitted",
}
_ADMIN_FORCED: Final[Properties] = {
    **_UNREAD,
    # Its questions must not make a topic that was just deleted anew.
    "allow.auto.create.topics": False,
}
CLASSIC_ONLY: Final = frozenset({"session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"})
"""What the client refuses under KIP-848, where the broker decides."""


def worker_consumer(
    user: Properties, group: str, on_stats: Callable[[str], None], room: int | None = None
) -> dict[str, Any]:
    """Settings of the consumer that reads one assigned partition; it never joins the group.

    Args:
        user: the user's librdkafka properties.
        group: the consumer group.
        on_stats: takes the client's statistics.
        room: bytes that the worker's queues may hold together; None: what the defaults allow.
    """
    mine = {k: v for k, v in user.items() if k not in _MEMBERSHIP}
    defaults = _CONSUMER if room is None else {**_CONSUMER, **fetched(room)}
    own = {"group.id": group, "stats_cb": on_stats}
    return _client("consumer", defaults, mine, {**_CONSUMER_FORCED, **own})


def worker_producer(
    user: Properties, max_message_bytes: int, on_stats: Callable[[str], None], room: int | None = None
) -> dict[str, Any]:
    """Settings of a worker's idempotent producer.

    Args:
        user: the user's librdkafka properties.
        max_message_bytes: the largest record that the input topic takes, which must fit as a dead letter, too.
        on_stats: takes the client's statistics.
        room: as for `worker_consumer`.
    """
    largest = max(max_message_bytes + ENVELOPE_BYTES, int(user.get("message.max.bytes", 0)))
    defaults = _PRODUCER if room is None else {**_PRODUCER, **unsent(room, largest)}
    return _client("producer", defaults, user, {**_PRODUCER_FORCED, "message.max.bytes": largest, "stats_cb": on_stats})


def transactional(properties: Properties, group: str, place: TopicPartition) -> dict[str, Any]:
    """The same producer, transactional: one id for each partition of a group, whoever works on it."""
    return {**_TRANSACTIONAL, **properties, "transactional.id": f"{group}.{place.topic}.{place.partition}"}


def group_member(user: Properties, group: str, callbacks: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the supervisor's consumer: the only group member of its pod; it never fetches."""
    mine = _member_defaults(classic=user.get("group.protocol") != "consumer")
    return _client("supervisor", mine, user, {**_SUPERVISOR_FORCED, "group.id": group, **callbacks})


def offset_reader(user: Properties, group: str) -> dict[str, Any]:
    """Settings of a consumer that only asks what the group has committed; it never joins."""
    mine = {k: v for k, v in user.items() if k not in _MEMBERSHIP}
    return _client("consumer", {}, mine, {**_READER_FORCED, "group.id": group})


def admin(user: Properties) -> dict[str, Any]:
    """Settings of the supervisor's admin client."""
    return _client("admin", {}, user, _ADMIN_FORCED)


class Own(NamedTuple):
    """A property that the pool sets by itself.

    Attributes:
        name: librdkafka's.
        value: what it is; None: it is reckoned when a worker starts.
        origin: what it comes from.
    """

    name: str
    value: str | int | float | bool | None
    origin: str


def own(settings: Settings) -> Iterator[tuple[str, list[Own]]]:
    """What the pool sets by itself where these settings are in force, by the clients that have it."""
    least, once = settings.guarantee == Guarantee.AT_LEAST_ONCE.value, "the pool's own, exactly once"
    member = _member_defaults(classic=settings.protocol is GroupProtocol.CLASSIC)
    taken, given = settings.client("consumer"), settings.client("producer")
    yield "every client", _defaults(_COMMON, settings.kafka)
    yield (
        "the supervisor's consumer",
        [*_defaults(member, settings.client("supervisor")), *_owned(_SUPERVISOR_FORCED)],
    )
    yield "the supervisor's admin client", _owned(_ADMIN_FORCED)
    yield "the supervisor's reader of committed offsets", _owned(_READER_FORCED)
    read = _defaults(_CONSUMER, taken) if settings.memory_budget is None else _budgeted(_CONSUMER, fetched(0), taken)
    yield (
        "a worker's consumer",
        [*read, *_owned(_CONSUMER_FORCED), *([] if least else _owned(READS_TRANSACTIONS, once))],
    )
    write = _defaults(_PRODUCER, given) if settings.memory_budget is None else _budgeted(_PRODUCER, unsent(0, 0), given)
    transactions = [] if least else _defaults(_TRANSACTIONAL, given, "the pool's default, exactly once")
    largest = Own("message.max.bytes", None, "the input's max.message.bytes and 64 KiB, or more where set")
    yield "a worker's producer", [*write, *transactions, *_owned(_PRODUCER_FORCED), largest]


def _defaults(properties: Properties, user: Properties, origin: str = "the pool's default") -> list[Own]:
    return [Own(name, value, origin) for name, value in properties.items() if name not in user]


def _owned(properties: Properties, origin: str = "the pool's own") -> list[Own]:
    return [Own(name, value, origin) for name, value in properties.items()]


def _budgeted(properties: Properties, shares: Properties, user: Properties) -> list[Own]:
    others = {name: value for name, value in properties.items() if name not in shares}
    return _defaults(others, user) + [Own(name, None, "memory_budget") for name in shares if name not in user]


def _member_defaults(*, classic: bool) -> Properties:
    return {name: value for name, value in _SUPERVISOR.items() if classic or name not in CLASSIC_ONLY}


_MEMBERSHIP: Final = CLASSIC_ONLY | {
    "group.protocol",
    "group.instance.id",
    "group.remote.assignor",
    # Must not be below the session's default, which a client that never joins would have.
    "max.poll.interval.ms",
}
"""What concerns members of a group alone."""


def _client(role: str, defaults: Properties, user: Properties, forced: Mapping[str, Any]) -> dict[str, Any]:
    logs = kafka_logger(role)
    return {**_COMMON, **defaults, **user, "logger": logs, "error_cb": logs.error_cb, **forced}
