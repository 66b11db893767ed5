"""`plan`: what a load takes, in replicas, workers, CPU and memory, and the same as an overlay's numbers."""

from dataclasses import dataclass, replace
from pathlib import Path

import click

from supervisor import budget, overlay
from supervisor.brokers import Brokers
from supervisor.figures import MIB, RECORD_SECONDS
from supervisor.sizing import Demand, Size, size
from supervisor.topics import partitions_of
from workers.errors import ConfigInvalid, ExitCode
from workers.loading import AgentDeclaration, Declaration
from workers.settings import Settings


@dataclass(frozen=True, slots=True)
class Subject:
    """What is planned for.

    Attributes:
        app: the app, where its topic's partitions are to be asked for.
        topic: which of its inputs; None: it has one.
        partitions: how many the input has; None: the brokers are asked.
    """

    app: Declaration | None
    topic: str | None
    partitions: int | None


def run(settings: Settings, subject: Subject, demand: Demand, folder: Path | None) -> ExitCode:
    """Print what a demand takes, and write it into an overlay.

    Args:
        settings: for the connection, where the brokers are asked.
        subject: of what.
        demand: with the partitions still open.
        folder: the overlay; None: print alone.

    Raises:
        ConfigInvalid: it is not said of which topic, or how many partitions that has.
        TooFewPartitions: no number of replicas would do.
        BrokersRefused: the partitions could not be asked for.
        OverlayUnusable: the numbers could not be written.
    """
    agent = _agent(subject) if subject.app else None
    partitions, others = _partitions(settings, subject, agent)
    demand = _with(demand, partitions, others)
    found = size(demand)
    click.echo(_told(agent.topic if agent else "the topic", demand, found))
    if folder is not None:
        if subject.app is None or agent is None:
            raise ConfigInvalid("--kustomize takes topic and group from the app: name it, MODULE:APP")
        file = overlay.write(folder, numbers(subject.app, agent, demand, found))
        click.echo(f"\nwritten to {file}; `check --kustomize {folder}` tells when the topic is another by then")
        if not agent.output or not agent.dead_letter or agent.tiers:
            click.echo(
                "component strimzi has one topic each for input, output and dead letters: patch it for what this app"
                " has not, or has besides (retry topics)"
            )
    return ExitCode.OK


def numbers(app: Declaration, agent: AgentDeclaration, demand: Demand, found: Size) -> overlay.Numbers:
    """The overlay's numbers."""
    return overlay.Numbers(
        topic=agent.topic,
        output=agent.output or "",
        dead_letters=agent.dead_letter or "",
        group=app.group,
        partitions=demand.partitions,
        replicas=found.replicas,
        min_replicas=demand.least_replicas,
        max_workers=str(found.most_workers),
        lag_threshold=str(found.lag_threshold),
        cpu=f"{found.millicores}m",
        memory=f"{found.memory // MIB}Mi",
        max_memory=str(found.max_memory),
        memory_budget=str(found.memory_budget),
        planned_for={"rate": demand.rate, "recordSeconds": demand.record_seconds, "recordCpu": demand.record_cpu},
    )


def _agent(subject: Subject) -> AgentDeclaration:
    assert subject.app is not None
    inputs = {agent.topic: agent for agent in subject.app.agents}
    if subject.topic is None and len(inputs) == 1:
        return next(iter(inputs.values()))
    if subject.topic not in inputs:
        raise ConfigInvalid(f"--topic: say which input of the app to plan for: {', '.join(sorted(inputs))}")
    return inputs[subject.topic]


def _partitions(settings: Settings, subject: Subject, agent: AgentDeclaration | None) -> tuple[int, int]:
    """How many the input has, and the app's retry topics and other inputs; where no brokers are asked, each as many."""
    if subject.app is None or agent is None:
        if subject.partitions is None:
            raise ConfigInvalid("give --partitions N, or the app, whose topic the brokers are then asked for")
        return subject.partitions, 0
    agents = subject.app.agents
    if subject.partitions is None:
        topics = Brokers(settings).topics()
        if agent.topic not in topics:
            raise ConfigInvalid(f"topic {agent.topic} is not there to be counted: create it, or give --partitions N")
    else:
        topics = {other.topic: subject.partitions for other in agents}
    partitions = topics[agent.topic]
    return partitions, partitions_of(agents, topics) - partitions


def _with(demand: Demand, partitions: int, others: int) -> Demand:
    if demand.least_replicas > partitions:
        raise ConfigInvalid(
            f"--min-replicas {demand.least_replicas}: of {partitions} partitions, some pods would have none"
        )
    least = budget.WORKER_BYTES + budget.LEAST_ROOM
    if demand.worker_bytes - demand.app_bytes < least:
        raise ConfigInvalid(
            f"--worker-memory {demand.worker_bytes // MIB}: less --app-memory ({demand.app_bytes // MIB}) that must be"
            f" {least // MIB} at the least, for a worker itself and its queues"
        )
    return replace(demand, partitions=partitions, others=others)


def _told(topic: str, demand: Demand, found: Size) -> str:
    each = (RECORD_SECONDS + demand.record_seconds) * 1e3
    least = demand.least_replicas
    lines = {
        "worker": f"{each:,.4g} ms a record, so one is planned for {found.worker_rate:,.0f}/s; here it is"
        f" {found.busy:.0%} busy",
        "CPU": f"{found.cores:,.2f} cores in all",
        "replicas": f"{found.replicas}, of {found.workers} workers; {least} at the least, of {found.most_workers};"
        f" never above {demand.partitions}",
        "each pod": f"cpu {found.millicores}m, memory {found.memory // MIB}Mi: room for {found.most_workers} workers,"
        f" one of them as large as max_memory ({found.max_memory // MIB}M) lets it",
        "queues": f"as small as memory_budget ({found.memory_budget // MIB}M) asks of the workers, all together",
        "KEDA": f"a pod for each {found.lag_threshold:,} records of lag: what falls to one in {demand.delay:g} s",
    }
    besides = f", {demand.others} besides of retry topics and other inputs" if demand.others else ""
    head = f"{topic}: {demand.partitions} partitions, {demand.rate:,g} records/s{besides}"
    return "\n".join([head, *(f"  {name:<9} {text}" for name, text in lines.items())])
