"""`python -m tests.faults`: one run, its faults as they come, its result as a table and an exit code."""

import shutil
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from tests.faults.plan import Fault
from tests.faults.run import Run
from tests.faults.settings import AT_LEAST_ONCE, EXACTLY_ONCE, Settings
from tests.support.pool import PROTOCOLS
from tests.support.process import exit_on_term

_MINUTE: Final = 60.0
_WIDTH: Final = 120


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option(
    "--seed",
    type=int,
    default=lambda: time.time_ns() % 1_000_000,
    show_default="another at each run",
    help="Chooses faults, victims and times.",
)
@click.option("--minutes", type=click.FloatRange(0.1, 600), default=2.0, help="How long faults are injected.")
@click.option("--guarantee", type=click.Choice([AT_LEAST_ONCE, EXACTLY_ONCE]), default=AT_LEAST_ONCE)
@click.option("--protocol", type=click.Choice(PROTOCOLS), default=PROTOCOLS[0], help="The group's protocol.")
@click.option(
    "--brokers",
    type=click.Choice([1, 3]),
    show_default="3 where exactly once, else 1",
    help="Exactly once with 1: without faults of the broker, at which Kafka 4 loses what has no replica.",
)
@click.option("--rate", type=click.IntRange(10, 100_000), default=2000, help="Records a second.")
@click.option("--every", type=click.FloatRange(0.5, 600), default=5.0, help="Seconds between faults, on average.")
@click.option("--defaults", is_flag=True, help="Sessions of the brokers' and the pool's defaults.")
@click.option("--killers", is_flag=True, help="Records that kill their worker, too.")
@click.option("--only", type=click.Choice([fault.value for fault in Fault]), multiple=True, help="Only these faults.")
def main(minutes: float, only: tuple[str, ...], brokers: int | None, **told: Any) -> None:
    """Run the pool under faults, and check from topics alone what it promises.

    Exit code 1: a promise was broken; the logs are kept, and the last line tells where.
    """
    brokers = brokers or (3 if told["guarantee"] == EXACTLY_ONCE else 1)
    settings = Settings(duration=minutes * _MINUTE, only=tuple(map(Fault, only)), brokers=brokers, **told)
    exit_on_term()
    console = Console()
    sys.exit(_run(settings, console if console.is_terminal else Console(width=_WIDTH)))


def _run(settings: Settings, console: Console) -> int:
    directory = Path(tempfile.mkdtemp(prefix="partition-pool-faults-"))
    begun = time.monotonic()

    def say(event: str, **facts: object) -> None:
        told = " ".join(f"{name}={value}" for name, value in facts.items())
        now = datetime.now().astimezone().isoformat(sep=" ", timespec="milliseconds")[11:23]
        console.print(f"{now} +{time.monotonic() - begun:7.2f} s  {event} {told}", highlight=False, soft_wrap=True)

    say("seed", seed=settings.seed, logs=directory)
    report = Run(settings, directory, say).execute()
    console.print(report.title(), highlight=False)
    for table in report.tables():
        console.print(table)
    if report.kept:
        shutil.rmtree(directory)
        return 0
    console.print(f"{report.broken()}\nlogs: {directory}", highlight=False, markup=False, soft_wrap=True)
    return 1


if __name__ == "__main__":
    main()
