"""The `load` command: what it takes."""
# ruff: noqa: PLC0415 - a command imports its own module when it runs, so that help comes at once

import shlex
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import click

from supervisor.options import Number, brokers_known, configured
from workers.config import Loaded

_POSITIVE: Final = Number(0, min_open=True)
_SHARE: Final = Number(0, 1)


def _file(*, exists: bool) -> click.Path:
    return click.Path(exists=exists, dir_okay=False, path_type=Path)


_OPTIONS: Final = (
    # When.
    click.option("--rate", type=_POSITIVE, metavar="N", help="Records a second.  [default: as fast as it goes]"),
    click.option(
        "--profile",
        type=click.Choice(["steady", "ramp", "step", "burst"]),
        default="steady",
        show_default=True,
        help="How the rate changes; --rate is its highest.",
    ),
    click.option(
        "--from",
        "low",
        type=Number(0),
        metavar="N",
        help="The rate that a ramp (0) or steps (rate / steps) begin with, and that between bursts (rate / 10).",
    ),
    click.option("--steps", type=click.IntRange(1), default=5, show_default=True, metavar="N", help="How many steps."),
    click.option(
        "--every",
        type=_POSITIVE,
        metavar="SECONDS",
        help="How long a ramp (all of it) or a step takes, or from one burst to the next (10).",
    ),
    click.option(
        "--burst", type=_POSITIVE, default=1.0, show_default=True, metavar="SECONDS", help="How long a burst takes."
    ),
    click.option("--count", type=click.IntRange(1), metavar="N", help="End after so many records."),
    click.option("--duration", type=_POSITIVE, metavar="SECONDS", help="End after that time."),
    click.option(
        "--processes",
        type=click.IntRange(1, 64),
        default=1,
        show_default=True,
        metavar="N",
        help="How many processes send, each its own keys.",
    ),
    # What.
    click.option(
        "--devices", type=click.IntRange(1), default=1000, show_default=True, metavar="N", help="How many keys."
    ),
    click.option(
        "--zipf", type=_POSITIVE, metavar="S", help="Few keys most: that of rank r by 1/r^S.  [default: alike]"
    ),
    click.option(
        "--hot", type=_SHARE, default=0.05, show_default=True, metavar="SHARE", help="Readings above 50 degrees."
    ),
    click.option(
        "--size", type=click.IntRange(0), default=0, metavar="BYTES", help="Pad each value to this.  [default: do not]"
    ),
    click.option("--type", "kind", metavar="PKG:TYPE", help="In place of readings: values of this type, drawn."),
    click.option("--file", type=_file(exists=True), help="In place of readings: these JSON lines, as they are."),
    click.option("--key", metavar="FIELD", help="The field of a --type or --file that holds the record's key."),
    click.option(
        "--time", metavar="FIELD", help="The field of a --file that says when, to replay it at its own speed."
    ),
    click.option("--speed", type=_POSITIVE, metavar="X", help="X times that speed."),
    click.option("--seed", type=int, metavar="N", help="Draw the same again.  [default: other each time]"),
    click.option("--malformed", type=_SHARE, default=0.0, metavar="SHARE", help="Values that end in the middle."),
    click.option("--oversized", type=_SHARE, default=0.0, metavar="SHARE", help="Values of --oversized-bytes more."),
    click.option(
        "--oversized-bytes",
        type=click.IntRange(1),
        default=900_000,
        show_default=True,
        metavar="BYTES",
        help="See there.",
    ),
    click.option("--duplicate", type=_SHARE, default=0.0, metavar="SHARE", help="Records sent twice."),
    click.option("--late", type=_SHARE, default=0.0, metavar="SHARE", help="Records with an old timestamp."),
    click.option(
        "--late-by", type=_POSITIVE, default=3600.0, show_default=True, metavar="SECONDS", help="How old it is."
    ),
    click.option("--tombstone", type=_SHARE, default=0.0, metavar="SHARE", help="Records without a value."),
    # What became of it.
    click.option(
        "--verify", metavar="OUTPUT", help="Read the results in this topic, and hold them against what was sent."
    ),
    click.option(
        "--expect",
        default="auto",
        metavar="[auto|all|hot|some|PKG:FUNCTION]",
        help="Which records are to have a result: all, hot ones, no telling which, or those for whose decoded value a"
        " function is true.  [default: hot ones, unless a result of another comes]",
    ),
    click.option("--exactly-once", is_flag=True, help="A repeated result is a broken promise, too."),
    click.option(
        "--wait",
        type=_POSITIVE,
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="With --verify, it is over when no result has come for so long.",
    ),
    click.option(
        "--status",
        multiple=True,
        metavar="HOST:PORT",
        help="A supervisor to ask for lag and events. May be given again.",
    ),
    click.option("--json", type=_file(exists=False), help="Write all that was found here, as JSON."),
    click.option("--report", type=_file(exists=False), help="Write a page with charts here, as HTML."),
    # How much is possible.
    click.option("--find-capacity", is_flag=True, help="Look for the highest rate that the pool keeps up with."),
    click.option("--slo", type=_POSITIVE, metavar="MS", help="That rate's p99 from due to result."),
    click.option("--target", type=_POSITIVE, metavar="N", help="Say what so many records a second need."),
    click.option(
        "--hold",
        type=Number(2),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to try each rate.",
    ),
    click.option(
        "--create",
        type=click.IntRange(1),
        metavar="PARTITIONS",
        help="Create the topic with so many, if it is not there.",
    ),
)


@click.command()
@click.argument("topic")
@configured()
def load(loaded: Loaded, topic: str, **how: Any) -> None:
    """Send numbered records to TOPIC, by default readings of sensors as fast as it goes until Ctrl-C, and sum up.

    With a rate, the schedule is kept whatever the brokers do, and latencies count from when a record was due.
    """
    from supervisor.load import run
    from supervisor.load_options import LoadOptions

    options = LoadOptions(topic=topic, **how)
    sys.exit(run(brokers_known(loaded.settings), options, _command_line(sys.argv[1:])))


def _command_line(arguments: Sequence[str]) -> str:
    """The command line as it may be shown: what is set by name may be a password."""
    shown = []
    for before, argument in pairwise(["", *arguments]):
        if before == "--set" or argument.startswith("--set="):
            name, separator, setting = argument.removeprefix("--set=").partition("=")
            shown.append(argument.removesuffix(setting) + "…" if separator and name else argument)
        else:
            shown.append(argument)
    return shlex.join(shown)


for _option in _OPTIONS:  # in their order: a command, unlike a function, takes each as the last
    load = _option(load)
