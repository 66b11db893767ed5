"""What settings may not say although each value is allowed: what the pool must own, and what contradicts itself."""

from collections.abc import Iterator, Mapping
from typing import Final

from workers.config_sources import Entry
from workers.librdkafka_properties import Scope, Value, find
from workers.settings import GroupProtocol, Settings

_OWNED: Final[Mapping[str, str]] = {
    "group.id": "set the pool's own setting `group` instead",
    "enable.auto.commit": "the pool commits an offset only when all results below it are acknowledged",
    "auto.commit.interval.ms": "set the pool's own setting `commit_interval` instead",
    "enable.auto.offset.store": "the pool commits an offset only when all results below it are acknowledged",
    "offset.store.method": "the pool keeps offsets with the brokers",
    "offset.store.path": "the pool keeps offsets with the brokers",
    "offset.store.sync.interval.ms": "the pool keeps offsets with the brokers",
    "auto.offset.reset": "set the pool's own settings `start` and `on_data_loss` instead",
    "enable.partition.eof": "the pool needs it to know that a partition is read to its end",
    "transactional.id": "the pool names its producers itself",
    "delivery.report.only.error": "the pool relies on hearing of failures alone",
    "log.queue": "the pool logs librdkafka's messages itself",
    "max.poll.records": "it is for share groups; set the pool's own setting `batch_size` instead",
    "share.acknowledgement.mode": "it is for share groups, which the pool does not use",
}
_ONLY: Final[Mapping[str, tuple[tuple[Value, ...], str]]] = {
    "enable.idempotence": ((True,), "without it a result could be repeated or overtaken within one session"),
    "acks": (("all", -1), "a result counts once all in-sync replicas have it; anything less can lose records"),
    "partition.assignment.strategy": (
        ("cooperative-sticky",),
        "with any other, partitions that stay with their owner would pause at each rebalance",
    ),
    "queuing.strategy": (("fifo",), "results are produced in order"),
    "group.protocol.type": (("consumer",), "the pool is a consumer group"),
}
_BROKERS_OWN: Final = (
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "partition.assignment.strategy",
    "group.protocol.type",
)
_MISPLACED: Final[Mapping[tuple[str, Scope], str]] = {
    ("kafka.consumer", Scope.PRODUCER): "[kafka.producer] or [kafka]",
    ("kafka.producer", Scope.CONSUMER): "[kafka.consumer] or [kafka]",
}
_HIGHEST_IN_FLIGHT: Final = 5


def forbidden(entry: Entry, value: Value) -> str | None:
    """Why librdkafka property `entry` may not be `value` here; None if it may."""
    known = find(entry.name)
    scope = known.scope if known else Scope.ALL
    if (entry.section, scope) in _MISPLACED:
        return f"no such client takes it; move it to {_MISPLACED[entry.section, scope]}"
    return _owned(entry.name, value) or _idempotence(entry, value)


def _owned(name: str, value: Value) -> str | None:
    if name in _OWNED:
        return f"the pool must own it: {_OWNED[name]}"
    if name in _ONLY:
        values, why = _ONLY[name]
        return None if value in values else f"may only be {str(values[0]).lower()}: {why}"
    return None


def _idempotence(entry: Entry, value: Value) -> str | None:
    if entry.name == "max.in.flight.requests.per.connection" and entry.section != "kafka.consumer":
        return None if int(value) <= _HIGHEST_IN_FLIGHT else "may be 5 at most: an idempotent producer allows no more"
    if entry.name == "retries" and int(value) == 0:
        return "must be above 0: an idempotent producer sends again what was not acknowledged"
    return None


def contradictions(settings: Settings) -> Iterator[str]:
    """What in `settings` does not go together, each in a line with its cure."""
    member = settings.client("supervisor")
    yield from _protocol(settings, member)
    if settings.drain_timeout >= settings.max_poll_interval:
        yield (
            f"drain_timeout = {settings.drain_timeout:g} s must be below max.poll.interval.ms"
            f" ({settings.max_poll_interval:g} s): a longer drain would cost the membership"
        )
    if settings.flush_interval >= settings.worker_timeout:
        yield (
            f"flush_interval = {settings.flush_interval:g} s must be below"
            f" worker_timeout ({settings.worker_timeout:g} s)"
        )
    if settings.protocol is GroupProtocol.CLASSIC:
        yield from _classic_times(settings)
    elif settings.lease_seconds < 2 * settings.commit_interval:
        yield (
            f"lease = {settings.lease_seconds:g} s must be at least twice commit_interval"
            f" ({settings.commit_interval:g} s): with group.protocol=consumer only a commit renews it"
        )


def _protocol(settings: Settings, member: Mapping[str, Value]) -> Iterator[str]:
    if settings.protocol is GroupProtocol.CONSUMER:
        for name in _BROKERS_OWN:
            if name in member:
                yield f"{name} must not be set with group.protocol=consumer: there the brokers decide; remove it"
    elif "group.remote.assignor" in member:
        yield "group.remote.assignor needs group.protocol=consumer; set that, or remove it"


def _classic_times(settings: Settings) -> Iterator[str]:
    if settings.max_poll_interval < settings.session_timeout:
        yield (
            f"max.poll.interval.ms ({settings.max_poll_interval:g} s) must not be below session.timeout.ms"
            f" ({settings.session_timeout:g} s)"
        )
    if settings.longest_lease <= 0:
        yield (
            f"session.timeout.ms ({settings.session_timeout:g} s) must be more than 1 s above heartbeat.interval.ms"
            f" ({settings.heartbeat_interval:g} s), or workers get no lease"
        )
    elif settings.lease_seconds > settings.longest_lease:
        yield (
            f"lease = {settings.lease_seconds:g} s must be at most {settings.longest_lease:g} s:"
            " session.timeout.ms less heartbeat.interval.ms less 1 s, so that workers halt before others take over"
        )
