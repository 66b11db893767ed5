"""`offsets`: where a group stands, and moving it while it is stopped."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from supervisor.brokers import Brokers, BrokersRefused, Edge, Moment
from workers.errors import ConfigInvalid, ExitCode, PoolError
from workers.loading import load_app
from workers.records import TopicPartition
from workers.settings import Settings
from workers.times import seconds_at

_NO_GROUP: Final = "GROUP_ID_NOT_FOUND"


class OffsetsKept(PoolError):
    """There was nothing to show, or to move: no offset is changed."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The offsets that a partition has: of its first record, and behind its last."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Group:
    """Whose offsets are meant, and the topics that its app reads, as far as the app is known."""

    name: str
    topics: tuple[str, ...]
    retries: tuple[str, ...] = ()


def show(settings: Settings, topics: Collection[str]) -> ExitCode:
    """Print where the group stands in each partition.

    Args:
        settings: name the group, or the app that does.
        topics: only these; empty: all that the app reads, retry topics too, or the group has committed.

    Raises:
        PoolError: the brokers did not answer, or there is nothing to show.
    """
    group, brokers = _group(settings), Brokers(settings)
    counts = brokers.topics()
    with _cured(group.name):
        _members(brokers, group.name)
        committed = brokers.committed(group.name, _all(counts))
        shown = replace(group, topics=group.topics + group.retries)
        partitions = _partitions(counts, shown, committed, topics, ())
        bounds = _bounds(brokers, partitions)
    table = _table("topic", "partition", "committed", "begin", "end", "lag")
    for partition in partitions:
        offset, range_ = committed.get(partition), bounds[partition]
        lag = range_.end - (range_.begin if offset is None else offset)
        _row(table, partition, offset, range_.begin, range_.end, max(lag, 0))
    _print(f"group {group.name}", table)
    return ExitCode.OK


def reset(settings: Settings, to: str, topics: Collection[str], numbers: Collection[int], *, execute: bool) -> ExitCode:
    """Move the committed offsets of a group without members, or only print what that would do.

    Args:
        settings: name the group, or the app that does.
        to: earliest, latest, a time in ISO 8601 (UTC where it says no zone), or an offset.
        topics: only these; empty: the app's inputs, or all that the group has committed.
        numbers: only these partitions of the topics; empty: all.
        execute: do it.

    Raises:
        OffsetsKept: the group has members, or the offset is not in a partition.
        PoolError: the brokers did not answer, or there is nothing to move.
    """
    where = parse_target(to)
    group, brokers = _group(settings), Brokers(settings)
    counts = brokers.topics()
    with _cured(group.name):
        members = _members(brokers, group.name)
        committed = brokers.committed(group.name, _all(counts))
        partitions = _partitions(counts, group, committed, topics, numbers)
        targets = _targets(brokers, partitions, where)
    table = _table("topic", "partition", "from", "to", "records")
    for partition in partitions:
        before = committed.get(partition)
        _row(table, partition, before, targets[partition], _effect(before, targets[partition]))
    _print(f"group {group.name}", table)
    if members:
        raise OffsetsKept(
            f"group {group.name} is in use by {', '.join(members)}, and nothing is changed;"
            " stop them, or wait until their session has timed out, then repeat this"
        )
    if execute:
        with _cured(group.name):
            brokers.commit(group.name, targets)
    _print("done" if execute else "nothing is changed yet: repeat it with --execute")
    return ExitCode.OK


def parse_target(to: str) -> Edge | Moment | int:
    """What `--to` means.

    Raises:
        ConfigInvalid: it is neither.
    """
    if to.lower() in {edge.value for edge in Edge}:
        return Edge(to.lower())
    if to.isdecimal():
        return int(to)
    try:
        return Moment(round(seconds_at(to) * 1000))
    except ValueError:
        raise ConfigInvalid(
            f"--to {to}: must be earliest, latest, a time such as 2026-01-31T12:00:00Z, or an offset"
        ) from None


def _group(settings: Settings) -> Group:
    if settings.app is not None:
        app = load_app(settings.app, group=settings.group)
        retries = tuple(tier.topic for agent in app.agents.values() for tier in agent.tiers)
        return Group(app.group, tuple(app.agents), retries)
    if settings.group is not None:
        return Group(settings.group, ())
    raise ConfigInvalid("whose offsets? Give --group NAME, or MODULE:APP, or app or group in pool.toml")


@contextmanager
def _cured(group: str) -> Iterator[None]:
    """Says whose offsets a refusal is about, and what to do."""
    try:
        yield
    except BrokersRefused as refused:
        denied = refused.code.endswith("AUTHORIZATION_FAILED")
        cure = "grant this client Read on the group and its topics" if denied else "see to the brokers, and try again"
        raise OffsetsKept(f"offsets of group {group}: {refused}; {cure}") from refused


def _partitions(
    counts: Mapping[str, int],
    group: Group,
    committed: Iterable[TopicPartition],
    topics: Collection[str],
    numbers: Collection[int],
) -> list[TopicPartition]:
    """The partitions meant, sorted; those of a topic that is no more are left out."""
    wanted = set(topics or group.topics) or {partition.topic for partition in committed}
    if missing := sorted(set(topics) - set(counts)):
        raise OffsetsKept(f"there is no topic {', '.join(missing)}, or no right to see it; check the name")
    found = _all({topic: counts[topic] for topic in wanted if topic in counts})
    partitions = sorted(p for p in found if not numbers or p.partition in numbers)
    if not partitions:
        raise OffsetsKept(
            f"no partition to speak of: group {group.name} has committed nothing in those asked for, and its app"
            " reads none that is there; check the names, or give MODULE:APP or --topic"
        )
    if absent := sorted(set(numbers) - {partition.partition for partition in partitions}):
        raise OffsetsKept(f"{', '.join(sorted(wanted))}: no partition {', '.join(map(str, absent))}; check --partition")
    return partitions


def _bounds(brokers: Brokers, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Bounds]:
    begins = brokers.offsets(partitions, Edge.EARLIEST)
    ends = brokers.offsets(partitions, Edge.LATEST)
    return {partition: Bounds(begins[partition], ends[partition]) for partition in partitions}


def _targets(
    brokers: Brokers, partitions: Collection[TopicPartition], where: Edge | Moment | int
) -> Mapping[TopicPartition, int]:
    bounds = _bounds(brokers, partitions)
    if isinstance(where, int):
        outside = [f"{p} has {b.begin} to {b.end}" for p, b in bounds.items() if not b.begin <= where <= b.end]
        if outside:
            raise OffsetsKept(f"offset {where} is not there: {'; '.join(outside)}; name others with --partition")
        return dict.fromkeys(partitions, where)
    found = brokers.offsets(partitions, where)
    # No record is as late as that: go on with the next one to come.
    return {p: found[p] if found[p] >= 0 else bounds[p].end for p in partitions}


def _members(brokers: Brokers, name: str) -> list[str]:
    """The group's members by client and host; before anything else, as it tells at once where a right is missing."""
    try:
        group = brokers.group(name)
    except BrokersRefused as refused:
        if refused.code == _NO_GROUP:
            return []
        raise
    return sorted({f"{member.client_id} at {member.host.lstrip('/')}" for member in group.members})


def _all(counts: Mapping[str, int]) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic, count in counts.items() for number in range(count)]


def _effect(before: int | None, after: int) -> str:
    if before is None or before == after:
        return "" if before is None else "none"
    return f"{after - before} passed over" if after > before else f"{before - after} again"


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in columns:
        table.add_column(name, justify="left" if name == "topic" else "right", overflow="fold")
    return table


def _row(table: Table, partition: TopicPartition, *cells: object) -> None:
    table.add_row(partition.topic, str(partition.partition), *("-" if cell is None else str(cell) for cell in cells))


def _print(*what: object) -> None:
    Console(soft_wrap=True, highlight=False).print(*what, sep="\n")
