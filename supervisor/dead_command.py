"""The `dead` commands: what each takes."""
# ruff: noqa: PLC0415 - a command imports its own module when it runs, so that help comes at once

import functools
import sys
from collections.abc import Callable
from typing import Any

import click

from supervisor.options import Number, app_argument, brokers_known, configured
from workers.config import Loaded

Command = Callable[..., Any]


def _filtered(command: Command) -> Command:
    """Give a command the options that say which letters, and pass it their filter as `filter_`."""

    @functools.wraps(command)
    def wrapped(
        *,
        errors: tuple[str, ...],
        text: str | None,
        since: str | None,
        until: str | None,
        key: str | None,
        partitions: tuple[int, ...],
        **rest: Any,
    ) -> Any:
        from supervisor.dead_filter import Filter, check_text, parse_time

        check_text("--error", *errors)
        check_text("--text", text)
        check_text("--key", key)
        meant = Filter(
            errors=tuple(sorted(set(errors))),
            text=text,
            since=parse_time("--since", since),
            until=parse_time("--until", until),
            key=key,
            partitions=tuple(sorted(set(partitions))),
        )
        return command(filter_=meant, **rest)

    decorated: Command = wrapped
    for option in reversed(_FILTERS):
        decorated = option(decorated)
    return decorated


_FILTERS = (
    click.option(
        "--error",
        "errors",
        multiple=True,
        metavar="CLASS",
        help="Only letters with this error class, its module left out or not. May be given again.",
    ),
    click.option("--text", metavar="TEXT", help="Only letters whose error message contains this, in capitals or not."),
    click.option("--since", metavar="TIME", help="Only letters set aside then or later: 2026-01-31T12:00:00Z, say."),
    click.option("--until", metavar="TIME", help="Only letters set aside before then."),
    click.option("--key", metavar="KEY", help="Only records with this key (UTF-8)."),
    click.option(
        "--partition",
        "partitions",
        multiple=True,
        type=click.IntRange(0, 2**31 - 1),
        metavar="N",
        help="Only records from this partition of the input topic. May be given again.",
    ),
)


@click.group()
def dead() -> None:
    """Work through dead letters: look at them, send them back, drop them.

    TOPIC is an input topic of the app, or of --group, whose dead-letter topic is then meant; any other is the
    dead-letter topic itself. Only letters of that app's or group's are meant, where one is known.

    What is replayed or dropped is remembered in the committed offsets of groups of their own (GROUP.replay.HASH,
    GROUP.drop.HASH), so that no letter is dealt with twice, by whatever filter; but brokers forget such offsets after
    offsets.retention.minutes (a week by default). `dead drop` deletes what is dealt with.
    """


@dead.command("list")
@click.argument("topic")
@app_argument
@_filtered
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, metavar="N", help="How many to show, the latest."
)
@click.option("--all", "everything", is_flag=True, help="Also those that are dealt with.")
@configured("group")
def dead_list(loaded: Loaded, topic: str, filter_: Any, limit: int, everything: bool) -> None:
    """List the letters of TOPIC that are not dealt with yet: the latest, and how many each error has."""
    from supervisor.dead_list import run

    sys.exit(run(brokers_known(loaded.settings), topic, filter_, limit=limit, everything=everything))


@dead.command("show")
@click.argument("topic")
@click.argument("place", metavar="PARTITION:OFFSET")
@app_argument
@click.option("--raw", is_flag=True, help="Only the value's bytes, as they are.")
@configured("group")
def dead_show(loaded: Loaded, topic: str, place: str, raw: bool) -> None:
    """Show one letter of TOPIC whole, by the place that `list` shows."""
    from supervisor.dead_list import show

    sys.exit(show(brokers_known(loaded.settings), topic, place, raw=raw))


@dead.command("replay")
@click.argument("topic")
@app_argument
@_filtered
@click.option("--to", metavar="TOPIC", help="Where to send them, by their keys.  [default: where each came from]")
@click.option("--rate", type=Number(0.001), metavar="N", help="At most so many a second.")
@click.option("--execute", is_flag=True, help="Do it; without this, only show what would be done.")
@configured("group")
def dead_replay(loaded: Loaded, topic: str, filter_: Any, execute: bool, **how: Any) -> None:
    """Send the records in TOPIC's letters back to where they came from, as they were, each once.

    They carry a header, pool.replay.group, by which other groups' handlers can tell. However a replay ends, the same
    command goes on where it was. One replay or drop of a topic runs at a time: a new one ends the other.
    """
    from supervisor.dead_replay import run

    sys.exit(run(brokers_known(loaded.settings), topic, filter_, execute=execute, **how))


@dead.command("drop")
@click.argument("topic")
@app_argument
@_filtered
@click.option("--execute", is_flag=True, help="Do it; without this, only show what would be done.")
@configured("group")
def dead_drop(loaded: Loaded, topic: str, filter_: Any, execute: bool) -> None:
    """Mark letters of TOPIC as dealt with, and delete each partition up to its first open letter.

    What is replayed counts as dealt with, but for copies to another topic (--to).
    """
    from supervisor.dead_drop import run

    sys.exit(run(brokers_known(loaded.settings), topic, filter_, execute=execute))
