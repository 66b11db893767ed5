"""Where to begin with a partition: an absolute offset, resolved before its worker is forked.

An `assign()` at a logical offset costs a worker 500 ms; and only here can be seen what the log has lost meanwhile.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from workers.records import TopicPartition

REQUEST_SECONDS: Final = 10.0

StartPolicy = Literal["earliest", "latest"] | int


class Start(NamedTuple):
    """Where a partition's next worker begins."""

    offset: int
    committed: int | None
    """What the group had committed; None where it has not yet."""
    end: int
    """The partition's high watermark."""
    lost: range = range(0)
    """Offsets that the log has deleted before they were handled."""


class Answers(NamedTuple):
    """What the brokers said of some partitions."""

    starts: Mapping[TopicPartition, Start]
    refused: Mapping[TopicPartition, KafkaError]
    """Of the others: one may have no leader, which must not hold up those beside it."""


def resolve(
    admin: AdminClient, reader: Consumer, resume: Mapping[TopicPartition, int | None], policy: StartPolicy
) -> Answers:
    """Ask the brokers, and decide; blocks for up to some 30 s.

    Args:
        admin: a client.
        reader: a consumer with the group's id that never joins it. The admin client must not be asked for committed
            offsets: in librdkafka 2.16 it crashes the process when the group's coordinator loads or moves.
        resume: the partitions, each with the offset at which its last worker here stopped, where there was one.
        policy: where a group without a committed offset begins; an int is milliseconds since the epoch.

    Raises:
        KafkaException: the brokers do not answer, or refuse all.
    """
    refused: dict[TopicPartition, KafkaError] = {}
    committed = _committed(reader, list(resume), refused)
    _refresh_leaders(admin, resume)
    first = _offsets(admin, resume, OffsetSpec.earliest(), refused)  # type: ignore[no-untyped-call]
    end = _offsets(admin, first, OffsetSpec.latest(), refused)  # type: ignore[no-untyped-call]
    initial = _initial(admin, policy, first, end, refused)
    starts = {
        name: decide(_later(before, committed.get(name)), committed.get(name), first[name], end[name], initial[name])
        for name, before in resume.items()
        if name not in refused
    }
    return Answers(starts, refused)


def decide(wanted: int | None, committed: int | None, first: int, end: int, initial: int) -> Start:
    """Where to begin.

    Args:
        wanted: the offset to go on from; None for a group that has none.
        committed: what the group has committed.
        first: the log's first offset.
        end: the log's end.
        initial: where a group without an offset begins.
    """
    if wanted is None:
        return Start(initial, committed, end)
    if wanted < first:
        return Start(first, committed, end, range(wanted, first))
    if wanted > end:
        # The log was cut or made anew below this offset. What it holds now is not what was handled: read it all.
        return Start(first, committed, end, range(end, wanted))
    return Start(wanted, committed, end)


def _later(resume: int | None, committed: int | None) -> int | None:
    if resume is None or committed is None:
        return committed if resume is None else resume
    return max(resume, committed)


def _committed(
    reader: Consumer, names: Sequence[TopicPartition], refused: dict[TopicPartition, KafkaError]
) -> dict[TopicPartition, int]:
    found = reader.committed([KafkaPartition(*name) for name in names], timeout=REQUEST_SECONDS)
    refused |= {TopicPartition(p.topic, p.partition): p.error for p in found if p.error is not None}
    return {TopicPartition(p.topic, p.partition): p.offset for p in found if p.offset >= 0}


def _refresh_leaders(admin: AdminClient, names: Iterable[TopicPartition]) -> None:
    """Have the client learn who leads now: after a broker's restart librdkafka's admin client asks the old leader epoch
    again and again, for as long as its metadata lasts.
    """
    for topic in {name.topic for name in names}:
        admin.list_topics(topic, timeout=REQUEST_SECONDS)


def _offsets(
    admin: AdminClient, names: Iterable[TopicPartition], spec: OffsetSpec, refused: dict[TopicPartition, KafkaError]
) -> dict[TopicPartition, int]:
    """The offsets of those that have one. Where a leader is out of reach, librdkafka gives none, and no error."""
    asked = {KafkaPartition(*name): spec for name in names}
    found: dict[TopicPartition, int] = {}
    for partition, answer in (admin.list_offsets(asked, request_timeout=REQUEST_SECONDS) if asked else {}).items():
        name = TopicPartition(partition.topic, partition.partition)
        try:
            offset = answer.result().offset
        except KafkaException as error:
            refused[name] = error.args[0]
            continue
        if offset == OFFSET_INVALID:
            refused[name] = KafkaError(KafkaError._TIMED_OUT, "its leader does not answer")
        else:
            found[name] = offset
    return found


def _initial(
    admin: AdminClient,
    policy: StartPolicy,
    first: Mapping[TopicPartition, int],
    end: Mapping[TopicPartition, int],
    refused: dict[TopicPartition, KafkaError],
) -> Mapping[TopicPartition, int]:
    if policy == "earliest":
        return first
    if policy == "latest":
        return end
    found = _offsets(admin, end, OffsetSpec.for_timestamp(policy), refused)
    # No record as young as that: the end.
    return {name: offset if offset >= 0 else end[name] for name, offset in found.items()}
