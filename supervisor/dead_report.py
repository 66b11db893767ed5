"""What the dead-letter commands print. Records are foreign text: nothing in them reaches a terminal as a command."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from supervisor.dead_scan import Scan

_PLAIN_WIDTH: Final = 200

Side = Literal["left", "right"]


def say(line: str) -> None:
    """Print a line as it is."""
    Console(soft_wrap=True, highlight=False).print(Text(line))


def show_table(table: Table) -> None:
    """Print a table; where there is no terminal, wide."""
    console = Console(highlight=False)
    # A pipe has no width: rich would assume 80 columns.
    (console if console.is_terminal else Console(width=_PLAIN_WIDTH, highlight=False)).print(table)


def make_table(**columns: Side) -> Table:
    """An empty table.

    Args:
        columns: the side that each is set to, by its name, `_` for a space.
    """
    table = Table(box=box.SIMPLE_HEAD)
    for name, side in columns.items():
        table.add_column(name.replace("_", " "), justify=side, overflow="fold")
    return table


def tell_replay(topic: str, scan: Scan) -> None:
    """Print what a replay is about to do, or would."""
    _tell_errors(f"{topic}: to replay", scan)
    for target, count in sorted(scan.targets.items()):
        say(
            f"to {target}: {count:,} records, each to {'the partition of its key' if scan.mark.to else 'its partition'}"
        )
    _tell_rest(scan)


def tell_drop(topic: str, scan: Scan, deletable: int) -> None:
    """Print what a drop is about to do, or would; `deletable` offsets can be deleted with it."""
    _tell_errors(f"{topic}: to drop", scan)
    _tell_rest(scan)
    say(f"to delete: {deletable:,} offsets, below which nothing is open")


def printable(raw: bytes | str | None) -> str:
    """Foreign text or bytes for a terminal: what is no printable character is escaped; `-` for None."""
    if raw is None:
        return "-"
    text = raw if isinstance(raw, str) else raw.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def moment(milliseconds: int) -> str:
    """A time in UTC; `-` for 0, and the number itself where no calendar has it."""
    if not milliseconds:
        return "-"
    try:
        time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"
    return time.isoformat(" ", "milliseconds").removesuffix("+00:00")


def shorten(text: str, length: int) -> str:
    """The beginning of a text, a cut marked."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def add_row(table: Table, *cells: object) -> None:
    """Add a row of foreign text: without markup."""
    table.add_row(*(Text(str(cell)) for cell in cells))


def errors_table(errors: Mapping[str, int]) -> Table:
    """How many letters each error has, the most frequent first."""
    table = make_table(error="left", letters="right")
    for name, count in sorted(errors.items(), key=lambda item: -item[1]):
        add_row(table, printable(name) or "(not told)", f"{count:,}")
    return table


def _tell_errors(title: str, scan: Scan) -> None:
    say(f"{title}: {scan.letters:,} letters, {scan.bytes:,} bytes")
    if scan.letters:
        show_table(errors_table(scan.errors))


def _tell_rest(scan: Scan) -> None:
    if scan.dealt:
        say(f"dealt with before: {scan.dealt:,}")
    for obstacle, count in scan.obstacles.items():
        say(f"left where they are: {count:,}: {obstacle}")
