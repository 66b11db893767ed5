"""The command line: what each command takes, and how an error becomes an exit code.

A command imports its own module when it runs, so that help comes at once.
"""
# ruff: noqa: PLC0415

import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import click

from supervisor.dead_command import dead
from supervisor.load_command import load
from supervisor.options import POOL_FLAGS, Number, app_argument, app_known, brokers_known, configured
from supervisor.plan_command import plan
from supervisor.signals import release
from workers.config import Loaded
from workers.errors import AppInvalid, ConfigInvalid, ExitCode, PoolError


class _Commands(click.Group):
    """A group whose first command may be left out: it is `run`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ("-h", "--help", "--version")):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def _version() -> str:
    try:
        return version("partition-pool")
    except PackageNotFoundError:
        return "from a source tree that is not installed"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code.

    Args:
        arguments: the command line without the program; None: this process's own.
    """
    try:
        commands(arguments)
    except PoolError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(_exit_code(error))


def _exit_code(error: PoolError) -> ExitCode:
    if isinstance(error, ConfigInvalid):
        return ExitCode.USAGE
    return ExitCode.APP if isinstance(error, AppInvalid) else ExitCode.FAILED


_EXIT_CODES: Final = """\b
Exit codes:
  0   done
  1   check, load or demo found something wrong; a replay was interrupted; brokers or a pool refused what was asked
  2   usage or a setting
  3   the app cannot start, or a topic that it needs cannot be made
  4   the group refused the member for good
  5   stopped before all was drained
  6   records were lost before they were read, and on_data_loss is stop
  70  a bug in the supervisor
"""


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog=_EXIT_CODES,
)
@click.version_option(_version(), prog_name="partition-pool")
@click.pass_context
def commands(context: click.Context) -> None:
    """A pool of worker processes for Kafka: one for each partition that the group assigns.

    Without a command: run, with the app that the settings name.

    Settings come from the command line, else from the environment (POOL_DRAIN_TIMEOUT, KAFKA_BOOTSTRAP_SERVERS; with
    _FILE behind the name, from the file it names), else from pool.toml; `config` shows what is in force.
    """
    if context.invoked_subcommand != run.name:  # whose own handlers come later
        release()


@commands.command()
@app_argument
@configured(*POOL_FLAGS)
def run(loaded: Loaded) -> None:
    """Run an app's workers until SIGTERM or Ctrl-C, which drain them; a second one hurries."""
    from supervisor.service import serve

    app_known(loaded.settings)
    brokers_known(loaded.settings)
    serve(loaded.settings)


@commands.command()
@app_argument
@configured(*POOL_FLAGS)
def config(loaded: Loaded) -> None:
    """Print the settings in force and where each came from, as TOML, without secrets."""
    from supervisor.config_command import show

    click.echo(show(loaded), nl=False)


@commands.command()
@app_argument
@click.option(
    "--kustomize",
    "overlay",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Check, too, that this overlay's plan.json is of the topic as it is.",
)
@configured("group", "create")
def check(loaded: Loaded, overlay: Path | None) -> None:
    """Check that an app could run: brokers, topics, rights and group. Exits 1 if anything is wrong."""
    from supervisor.check import run as run_check
    from workers.loading import declaration, load_app

    settings = brokers_known(loaded.settings)
    app = load_app(app_known(settings), group=settings.group)
    sys.exit(run_check(settings, declaration(app), overlay))


@commands.command()
@click.option("--duration", type=Number(0, min_open=True), metavar="SECONDS", help="End after that time.")
@click.option(
    "--rate",
    type=Number(0, min_open=True),
    default=1000,
    show_default=True,
    metavar="N",
    help="Records per second.",
)
@click.option("--kill", is_flag=True, help="Kill a random worker now and then, to watch it come back.")
def demo(duration: float | None, rate: float, kill: bool) -> None:
    """Watch a pool at work on this machine, with nothing installed: four partitions, a steady load, alerts."""
    from supervisor.demo import run as run_demo

    sys.exit(run_demo(duration=duration, rate=rate, kill=kill))


@commands.command()
@click.option("--url", metavar="HOST:PORT", help="Where the pool serves its status, in place of the setting http.")
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C, once a second.")
@click.option("--json", is_flag=True, help="The document itself, one a line.")
@configured("http")
def status(loaded: Loaded, url: str | None, watch: bool, json: bool) -> None:
    """Show what a running pool does: its partitions, workers, positions and lag."""
    from supervisor.status_command import run as run_status

    where = url or loaded.settings.http
    if not where:
        raise ConfigInvalid("http is empty, so this pool serves no status; give --url HOST:PORT")
    # What is served on all addresses is asked on one.
    sys.exit(run_status(f"127.0.0.1{where}" if where.startswith(":") else where, watch=watch, json=json))


@commands.group()
def offsets() -> None:
    """Look at a group's committed offsets, or move them while the pool is stopped."""


_topics = click.option("--topic", "topics", multiple=True, metavar="TOPIC", help="Only this one. May be given again.")


@offsets.command("show")
@app_argument
@_topics
@configured("group")
def offsets_show(loaded: Loaded, topics: tuple[str, ...]) -> None:
    """Show where the group of an app, or of --group, stands in each partition."""
    from supervisor.offsets import show

    sys.exit(show(brokers_known(loaded.settings), topics))


@offsets.command("reset")
@app_argument
@click.option(
    "--to",
    required=True,
    metavar="[earliest|latest|TIME|OFFSET]",
    help="The first record to handle next: 2026-01-31T12:00:00Z, say; a plain number is an offset.",
)
@_topics
@click.option(
    "--partition",
    "partitions",
    multiple=True,
    type=click.IntRange(0),
    metavar="N",
    help="Only this partition of the topics. May be given again.",
)
@click.option("--execute", is_flag=True, help="Do it; without this, only show what would be done.")
@configured("group")
def offsets_reset(loaded: Loaded, to: str, topics: tuple[str, ...], partitions: tuple[int, ...], execute: bool) -> None:
    """Move the committed offsets of a stopped group; first a dry run, then with --execute."""
    from supervisor.offsets import reset

    sys.exit(reset(brokers_known(loaded.settings), to, topics, partitions, execute=execute))


commands.add_command(dead)
commands.add_command(load)
commands.add_command(plan)
