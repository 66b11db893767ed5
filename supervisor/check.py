"""`check`: whether an app could run as things are, each finding in one line, a problem with its cure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

import click
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import (
    AclOperation,
    ConsumerGroupDescription,
)

from supervisor import overlay
from supervisor.brokers import Brokers, BrokersRefused
from supervisor.sizing import workers_of
from supervisor.topics import kept, partitions_of
from workers.errors import ExitCode
from workers.guarantee import Guarantee
from workers.loading import Declaration
from workers.settings import GroupProtocol, Settings

_UNANSWERED: Final = frozenset({"_TIMED_OUT", "_UNSUPPORTED_FEATURE", "UNSUPPORTED_VERSION"})
"""Errors of a broker that does not know the question."""
_EAGER: Final = frozenset({"range", "roundrobin", "sticky"})
"""Assignors that cannot be in one group with the pool's."""


class Verdict(Enum):
    """What a finding means, with the word and the colour it is shown with."""

    OK = ("ok", "green")
    NOTE = ("note", "yellow")
    PROBLEM = ("FAIL", "red")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    verdict: Verdict
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Need:
    """What the app needs of one topic.

    Attributes:
        topic: its name.
        role: what it is to the app, in words.
        right: what this client must be allowed to do with it.
        partitions: with how many the pool would create it; None: it does not.
        kept: how many seconds a record has to be kept there, however old it was.
    """

    topic: str
    role: str
    right: AclOperation
    partitions: int | None
    kept: float = 0


def run(settings: Settings, app: Declaration, folder: Path | None = None) -> ExitCode:
    """Print what is found.

    Args:
        settings: for the connection.
        app: what is to run.
        folder: an overlay to compare with; None: none.

    Returns:
        FAILED if there is a problem.

    Raises:
        ConfigInvalid: librdkafka does not take the settings.
    """
    result = ExitCode.OK
    for finding in examine(Brokers(settings), settings, app, folder):
        word, colour = finding.verdict.value
        click.echo(f"{click.style(f'{word:<5}', fg=colour)} {finding.subject}: {finding.text}")
        if finding.verdict is Verdict.PROBLEM:
            result = ExitCode.FAILED
    return result


def examine(brokers: Brokers, settings: Settings, app: Declaration, folder: Path | None = None) -> Iterator[Finding]:
    """All findings, in the order in which a pool would come upon them."""
    try:
        topics = brokers.topics()
    except BrokersRefused as refused:
        yield Finding(Verdict.PROBLEM, "brokers", str(refused))
        return
    yield Finding(Verdict.OK, "brokers", f"reachable at {brokers.bootstrap}")
    for need in _needs(settings, app, topics):
        yield _topic(brokers, need, topics)
        if need.kept and need.topic in topics:
            yield from _deleted_early(brokers, need)
    yield from _room(settings, app, topics)
    yield _group(brokers, settings, app.group)
    if (settings.guarantee or app.guarantee) == Guarantee.EXACTLY_ONCE:
        yield _transactions(app.group)
    if folder is not None:
        yield from _planned(folder, app, topics)


def _planned(folder: Path, app: Declaration, topics: dict[str, int]) -> Iterator[Finding]:
    subject = f"overlay {folder}"
    try:
        numbers = overlay.read(folder)
    except overlay.OverlayUnusable as unusable:
        yield Finding(Verdict.PROBLEM, subject, str(unusable))
        return
    drifted = [
        f"{what} is {planned} there, and {found} in truth"
        for what, planned, found in _compared(numbers, app, topics)
        if planned != found
    ]
    for text in drifted:
        yield Finding(Verdict.PROBLEM, subject, f"{text}; write it anew: plan --rate N --kustomize {folder}")
    if not drifted:
        yield Finding(Verdict.OK, subject, f"{numbers.partitions} partitions, as the topic has")


def _compared(
    numbers: overlay.Numbers, app: Declaration, topics: dict[str, int]
) -> Iterator[tuple[str, object, object]]:
    inputs = {agent.topic: agent for agent in app.agents}
    agent = inputs.get(numbers.topic)
    yield "the group", numbers.group, app.group
    if agent is None:
        yield "the topic", numbers.topic, " or ".join(sorted(inputs))
        return
    yield "the partition count", numbers.partitions, topics.get(agent.topic, "no such topic")
    others = partitions_of(app.agents, topics) - topics.get(agent.topic, 0)
    least = workers_of(numbers.partitions + others, max(1, numbers.min_replicas))
    if numbers.max_workers.isdecimal() and int(numbers.max_workers) < least:
        yield (
            "max_workers",
            numbers.max_workers,
            f"{least} or more: retry topics and other inputs have workers",
        )
    yield "the output", numbers.output, agent.output or ""
    yield "the dead-letter topic", numbers.dead_letters, agent.dead_letter or ""


def _needs(settings: Settings, app: Declaration, topics: dict[str, int]) -> Iterator[Need]:
    for agent in app.agents:
        yield Need(agent.topic, f"input of {agent.name}", AclOperation.READ, settings.create)
        if agent.output:
            yield Need(agent.output, f"output of {agent.name}", AclOperation.WRITE, settings.create)
        if agent.dead_letter:
            partitions = topics.get(agent.topic) or settings.create or 1
            yield Need(agent.dead_letter, f"dead letters of {agent.name}", AclOperation.WRITE, partitions, math.inf)
        for tier in agent.tiers:
            yield Need(tier.topic, f"retries of {agent.name}, read", AclOperation.READ, 1, tier.seconds)
            yield Need(tier.topic, f"retries of {agent.name}, written", AclOperation.WRITE, 1)


def _topic(brokers: Brokers, need: Need, topics: dict[str, int]) -> Finding:
    subject = f"topic {need.topic} ({need.role})"
    try:
        described = brokers.topic(need.topic)
    except BrokersRefused as refused:
        if refused.code in _UNANSWERED and need.topic in topics:
            return Finding(Verdict.OK, subject, f"{topics[need.topic]} partitions; these brokers tell no rights")
        if need.topic not in topics and refused.code in {"UNKNOWN_TOPIC_OR_PART", *_UNANSWERED}:
            return _missing(brokers, need, subject)
        return Finding(Verdict.PROBLEM, subject, f"{refused}; {_grant(need.right, f'--topic {need.topic}')}")
    leaders: dict[int, object] = {partition.id: partition.leader for partition in described.partitions}
    leaderless = [str(number) for number, leader in leaders.items() if leader is None]
    if leaderless:
        which = ", ".join(leaderless)
        return Finding(Verdict.PROBLEM, subject, f"no leader for partition {which}; look after its brokers")
    if described.authorized_operations and need.right not in described.authorized_operations:
        text = f"no right to {need.right.name.lower()}; {_grant(need.right, f'--topic {need.topic}')}"
        return Finding(Verdict.PROBLEM, subject, text)
    return Finding(Verdict.OK, subject, f"{len(described.partitions)} partitions")


def _deleted_early(brokers: Brokers, need: Need) -> Iterator[Finding]:
    """Settings of a topic that let the brokers delete what is to be kept; nothing where they do not tell.

    A dead letter has its record's time, and is as old as that when it is written.
    """
    try:
        found = brokers.topic_settings(need.topic)
    except BrokersRefused:
        return
    early = {
        "retention.ms": 0 <= int(found.get("retention.ms", "-1")) <= 1000 * need.kept,
        "retention.bytes": found.get("retention.bytes", "-1") != "-1",
        "cleanup.policy": found.get("cleanup.policy", "delete") != "delete",
    }
    right, verdict = kept(need.kept), Verdict.NOTE if need.kept == math.inf else Verdict.PROBLEM
    for name in (name for name, is_early in early.items() if is_early):
        text = f"{name}={found[name]} lets records go before they are dealt with; set {name}={right[name]}"
        yield Finding(verdict, f"topic {need.topic}", text)


def _missing(brokers: Brokers, need: Need, subject: str) -> Finding:
    if need.partitions is not None:
        return _creatable(brokers, need, need.partitions, subject)
    if need.right is AclOperation.READ:
        text = "is not there, and a pool would wait for it; create it, or let the pool with --create PARTITIONS"
        return Finding(Verdict.PROBLEM, subject, text)
    if _brokers_create(brokers):
        return Finding(Verdict.NOTE, subject, "is not there; the brokers will create it at the first result")
    text = (
        "is not there, so results would become dead letters; let the pool with --create PARTITIONS, or create it:"
        f" kafka-topics.sh --create --topic {need.topic}"
    )
    return Finding(Verdict.PROBLEM, subject, text)


def _creatable(brokers: Brokers, need: Need, partitions: int, subject: str) -> Finding:
    try:
        brokers.could_create(need.topic, partitions)
    except BrokersRefused as refused:
        if refused.code not in _UNANSWERED:
            text = f"is not there, and cannot be created: {refused}; create it, or grant this client Create"
            return Finding(Verdict.PROBLEM, subject, text)
    return Finding(Verdict.NOTE, subject, f"is not there; the pool will create it with {partitions} partitions")


def _brokers_create(brokers: Brokers) -> bool:
    try:
        return brokers.broker_setting("auto.create.topics.enable") == "true"
    except BrokersRefused:
        return False


def _room(settings: Settings, app: Declaration, topics: dict[str, int]) -> Iterator[Finding]:
    partitions = sum(topics.get(agent.topic, 0) for agent in app.agents)
    partitions += sum(topics.get(tier.topic, 1) for agent in app.agents for tier in agent.tiers)
    if partitions > settings.max_workers:
        text = f"{settings.max_workers} for {partitions} partitions: a supervisor that gets them all lets some wait"
        yield Finding(Verdict.NOTE, "max_workers", text)


def _group(brokers: Brokers, settings: Settings, name: str) -> Finding:
    subject = f"group {name}"
    joining = _grant(AclOperation.READ, f"--group {name}")
    try:
        group = brokers.group(name)
    except BrokersRefused as refused:
        if refused.code == "GROUP_ID_NOT_FOUND":
            return Finding(Verdict.OK, subject, "is new")
        if refused.code in _UNANSWERED:
            return Finding(Verdict.NOTE, subject, "these brokers do not tell")
        return Finding(Verdict.PROBLEM, subject, f"{refused}; {joining}")
    if group.authorized_operations and AclOperation.READ not in group.authorized_operations:
        return Finding(Verdict.PROBLEM, subject, f"no right to join; {joining}")
    return _membership(settings, group, subject)


def _transactions(group: str) -> Finding:
    # The one way to ask is to begin a transaction, which fences the worker that has the id.
    resource = f"--transactional-id {group}. --resource-pattern-type prefixed"
    text = f"exactly once takes Write on them, which cannot be looked up; {_grant(AclOperation.WRITE, resource)}"
    return Finding(Verdict.NOTE, f"transactional ids {group}.TOPIC.PARTITION", text)


def _membership(settings: Settings, group: ConsumerGroupDescription, subject: str) -> Finding:
    members = len(group.members)
    if members and settings.protocol is GroupProtocol.CLASSIC and group.partition_assignor in _EAGER:
        text = (
            f"its members ({members}) assign by {group.partition_assignor}, which the pool cannot join; stop them first"
        )
        return Finding(Verdict.PROBLEM, subject, text)
    if group.state is ConsumerGroupState.DEAD:
        return Finding(Verdict.OK, subject, "is new")
    state = group.state.name.lower().replace("_", " ")
    return Finding(Verdict.OK, subject, f"{state}, members: {members}")


def _grant(right: AclOperation, resource: str) -> str:
    return f"grant it: kafka-acls.sh --add --allow-principal User:NAME --operation {right.name.title()} {resource}"
