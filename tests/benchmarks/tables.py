"""Tables of figures, for people and for a README, and the bounds that they are held against."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table

WIDTH: Final = 140
"""Columns of a table, where there is no terminal to ask."""


class Bound(NamedTuple):
    """What a figure has to be below, or with `above` at least."""

    name: str
    value: float
    limit: float
    above: bool = False

    @property
    def missed(self) -> bool:
        return self.value < self.limit if self.above else self.value >= self.limit

    def __str__(self) -> str:
        return f"{self.name}: {self.value:,.4g}, to be {'at least' if self.above else 'below'} {self.limit:,g}"


def console() -> Console:
    """Standard output, wide enough for a table."""
    made = Console(highlight=False)
    if not made.is_terminal:
        made.width = WIDTH
    return made


def show(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, and the same for a README."""
    table = Table(*head, title=title)
    for row in rows:
        table.add_row(*row)
    out = console()
    out.print(table)
    out.print(markdown(head, rows), markup=False, soft_wrap=True)


def verdict(bounds: Iterable[Bound]) -> int:
    """Print each bound that is missed; the exit code, 1 where there is one."""
    missed = [bound for bound in bounds if bound.missed]
    for bound in missed:
        console().print(f"missed: {bound}", markup=False)
    return 1 if missed else 0


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The table, for a README."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |".replace("|  |", "| |") for line in lines
    )
