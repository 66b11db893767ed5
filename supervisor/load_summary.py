"""What a load found, for a terminal."""

from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from supervisor.latencies import milliseconds
from supervisor.load_capacity import HEADROOM
from supervisor.load_found import Found, checks
from supervisor.load_result import Capacity, LoadResult, Percentiles, Verdict

MARKS: Final = {True: "✔", False: "✘", None: "?"}
"""By whether a promise was kept; None: there is no telling."""
_STYLES: Final = {Verdict.KEPT: "bold green", Verdict.UNPROVEN: "yellow"}


def summary(result: LoadResult) -> RenderableType:
    """The tables, and the verdict."""
    parts: list[RenderableType] = [_sent(result), _latencies(result)]
    if result.verified is not None:
        parts += [Text(), _verified(result.verified)]
    if result.capacity is not None:
        parts += [Text(), _capacity(result.capacity)]
    if result.verdict is not Verdict.SENT:
        parts += [Text(), Text(result.conclusion, style=_STYLES.get(result.verdict, "bold red"))]
    return Group(*parts)


def _sent(result: LoadResult) -> Table:
    table = Table(title=f"load on {result.topic}", title_justify="left", show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_row("acknowledged", f"[green]{result.acknowledged:,}")
    table.add_row("failed", f"{'[red]' if result.failed else ''}{result.failed:,}")
    for name, failures in result.failures.items():
        table.add_row(f"  {name}", f"{failures:,}")
    if result.behind:
        table.add_row("behind the schedule", f"[yellow]{result.behind:,}")
    table.add_row("time", f"{result.seconds:.1f} s")
    table.add_row("rate", f"{result.rate:,.0f} records/s")
    if result.events:
        table.add_row("events of the pool", f"[yellow]{len(result.events):,}")
    return table


def _latencies(result: LoadResult) -> Table:
    table = Table(title="latency, from when a record was due", title_justify="left")
    table.add_column("until", style="dim")
    for name in ("p50", "p90", "p99", "p99.9", "max"):
        table.add_column(name, justify="right")
    told = " (told from counts)" if result.sampled else ""
    table.add_row(f"acknowledged{told}", *_percentiles(result.acknowledgement))
    if result.end_to_end is not None:
        table.add_row("result readable", *_percentiles(result.end_to_end))
    return table


def _percentiles(found: Percentiles) -> Iterator[str]:
    for value in (found.p50, found.p90, found.p99, found.p999, found.max):
        yield milliseconds(None if value is None else value / 1000)


def _verified(found: Found) -> Table:
    table = Table(title=f"results in {found.output}", title_justify="left", show_header=False, box=None)
    for kept, name, text in checks(found):
        mark, style = MARKS[kept], "dim" if kept else "bold red"
        table.add_row(Text(mark, style="green" if kept else style), name, Text(text, style=style))
    return table


def _capacity(capacity: Capacity) -> Group:
    table = Table(title="capacity", title_justify="left")
    table.add_column("rate", justify="right")
    table.add_column("")
    for tried in capacity.tried:
        table.add_row(f"{tried.rate:,.0f}/s", Text(tried.why, style="green" if tried.kept_up else "yellow"))
    return Group(table, *(Text(line) for line in capacity_lines(capacity)))


def capacity_lines(capacity: Capacity) -> list[str]:
    """What the search says, in sentences."""
    if capacity.rate is None:
        none = "The pool kept up with none of these rates."
        return [none if capacity.bounded else "How much the pool can do is not known."]
    at_least = "" if capacity.bounded else "at least "
    each = capacity.rate / capacity.partitions
    where = _places(capacity.partitions, capacity.replicas)
    lines = [f"{at_least}{capacity.rate:,.0f} records/s with {where}: {each:,.0f} a partition."]
    if capacity.target is not None and capacity.target_partitions:
        needed = _places(capacity.target_partitions, capacity.target_replicas)
        like = "" if capacity.replicas is None else f" like {'this' if capacity.replicas == 1 else 'these'}"
        lines.append(
            f"{capacity.target:,.0f} records/s need {needed}{like}"
            f" ({HEADROOM - 1:.0%} kept free to catch up; keys spread evenly, brokers that keep pace)."
        )
    if capacity.replicas is None:
        lines.append("How many replicas that were is not known: give --status once for each supervisor.")
    return lines


def _places(partitions: int, replicas: int | None) -> str:
    return _plural(partitions, "partition") + ("" if replicas is None else f" and {_plural(replicas, 'replica')}")


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
