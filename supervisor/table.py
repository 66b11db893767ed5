"""A pool's status as a table for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from supervisor.states import PartitionState, SupervisorState
from supervisor.status import PartitionStatus, PoolStatus

_STYLES: Final[Mapping[str, str]] = {
    PartitionState.RUNNING: "green",
    PartitionState.BACKING_OFF: "bold red",
    PartitionState.FENCED: "bold red",
    PartitionState.STOPPED: "dim",
    SupervisorState.RUNNING: "green",
    SupervisorState.STOPPED: "dim",
}
_PASSING: Final = "yellow"
"""The style of every other state: none of them is to last."""
_ROOMY: Final = 100
"""Columns of a terminal in which there is room for wide gaps."""


def status_table(status: PoolStatus, results: str = "results", width: int = 120) -> Group:
    """Draw each partition's worker, and what the group has done.

    Args:
        status: as the pool told it.
        results: what the results are called.
        width: columns to fit into; it does in 80 unless the pool reads several topics.
    """
    rows = sorted(status.partitions, key=lambda p: (p.topic, p.partition))
    topics = sorted({row.topic for row in rows})
    dead = any(row.dead_letters for row in rows)
    table = Table(box=None, padding=(0, 3 if width >= _ROOMY else 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("partition", no_wrap=True)
    table.add_column("worker", justify="right", style="cyan", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for header in ("position", "committed", "lag", "rec/s", results, *(["dead"] if dead else []), "restarts"):
        table.add_column(header, justify="right", no_wrap=True)
    for row in rows:
        place = f"{row.topic}[{row.partition}]" if len(topics) > 1 else str(row.partition)
        pid = "-" if row.pid is None else str(row.pid)
        offsets = (_number(row.position), _number(row.committed), _number(row.lag))
        table.add_row(place, pid, _state(row), *offsets, *_counts([row], dead=dead))
    if len(rows) > 1:
        table.add_row("total", "", "", "", "", _number(_total_lag(rows)), *_counts(rows, dead=dead), style="bold")
    return Group(headline(status, topics), Text(), table)


def headline(status: PoolStatus, topics: Sequence[str]) -> Text:
    """The pool in one line: group, state, protocol, generation, age."""
    line = Text.assemble((status.group, "bold"), "  ", state_text(status.state), no_wrap=True, overflow="ellipsis")
    facts = [", ".join(topics)] if topics else ["no partitions"]
    facts.append(f"{status.protocol} protocol")
    if status.generation is not None:
        facts.append(f"generation {status.generation}")
    facts.append(f"up {_age(status.uptime_s)}")
    return line.append("  " + " · ".join(facts), style="dim")


def state_text(state: str) -> Text:
    """A state in its colour."""
    return Text(state.replace("_", " "), style=_STYLES.get(state, _PASSING))


def _state(row: PartitionStatus) -> Text:
    """A worker's state, or what keeps it from its work."""
    if row.guarded and row.state == PartitionState.RUNNING:
        return Text("guarded", style="bold red")
    return state_text(row.state)


def _counts(rows: list[PartitionStatus], *, dead: bool) -> list[Text]:
    """The columns that add up over partitions: rate, results, dead letters where there are any, restarts."""
    letters = sum(row.dead_letters for row in rows)
    restarts = sum(row.restarts for row in rows)
    counts = [Text(_number(sum(row.rate for row in rows))), Text(_number(sum(row.results for row in rows)))]
    if dead:
        counts.append(Text(_number(letters), style="red" if letters else ""))
    return [*counts, Text(_number(restarts), style="yellow" if restarts else "")]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _total_lag(rows: list[PartitionStatus]) -> int | None:
    known = [row.lag for row in rows if row.lag is not None]
    return sum(known) if known else None


def _age(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
