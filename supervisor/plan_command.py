"""`plan` on the command line."""
# ruff: noqa: PLC0415

import sys
from pathlib import Path
from typing import Any

import click

from supervisor.figures import MIB, WORKER_BYTES
from supervisor.options import Number, app_argument, brokers_known, configured
from workers.config import Loaded

_more_than_none = Number(0, min_open=True)


@click.command()
@app_argument
@click.option("--rate", type=_more_than_none, required=True, metavar="N", help="Records per second, all partitions.")
@click.option("--partitions", type=click.IntRange(1), metavar="N", help="Of the input.  [default: ask the brokers]")
@click.option("--topic", metavar="TOPIC", help="Which input, where the app has several.")
@click.option(
    "--seconds-per-record",
    "record_seconds",
    type=Number(0),
    default=0.0,
    metavar="SECONDS",
    help="What your handler takes: pool_handler_seconds tells, or a stopwatch.  [default: next to nothing]",
)
@click.option(
    "--cpu-per-record",
    "record_cpu",
    type=Number(0),
    metavar="SECONDS",
    help="Of these, CPU; the rest it waits.  [default: all]",
)
@click.option(
    "--pod-cores",
    type=_more_than_none,
    default=2.0,
    show_default=True,
    metavar="N",
    help="The most that a pod asks for.",
)
@click.option(
    "--min-replicas",
    "least_replicas",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="The fewest pods; they have room for all partitions, so more of them are smaller ones.",
)
@click.option(
    "--worker-memory",
    type=click.IntRange(16),
    default=WORKER_BYTES // MIB,
    show_default=True,
    metavar="MIB",
    help="What one worker holds, your app's own included; its queues take no more than the rest.",
)
@click.option(
    "--app-memory",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="MIB",
    help="Of these, what your app itself holds: models, caches, its libraries.",
)
@click.option(
    "--delay",
    type=_more_than_none,
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How much of a pod's share may wait before KEDA wants another pod; well above commit_interval.",
)
@click.option(
    "--kustomize",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the numbers into this overlay's plan.json.",
)
@configured("group")
def plan(
    loaded: Loaded,
    folder: Path | None,
    topic: str | None,
    partitions: int | None,
    worker_memory: int,
    app_memory: int,
    record_cpu: float | None,
    **demand: Any,
) -> None:
    """Say how many replicas, workers, cores and bytes a load needs, from measured figures."""
    from supervisor.plan import Subject, run
    from supervisor.sizing import Demand
    from workers.loading import declaration, load_app

    settings = loaded.settings if partitions else brokers_known(loaded.settings)
    app = declaration(load_app(settings.app, group=settings.group)) if settings.app else None
    wanted = Demand(
        partitions=partitions or 1,
        worker_bytes=worker_memory * MIB,
        app_bytes=app_memory * MIB,
        record_cpu=demand["record_seconds"] if record_cpu is None else record_cpu,
        **demand,
    )
    sys.exit(run(settings, Subject(app, topic, partitions), wanted, folder))
