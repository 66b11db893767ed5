"""`dead list` and `dead show`: what lies in a dead-letter topic, and one letter whole."""

import heapq
import sys
from collections import Counter
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from supervisor.dead_filter import Filter
from supervisor.dead_letter import Letter
from supervisor.dead_letters import DeadLetters
from supervisor.dead_marks import Ledger
from supervisor.dead_report import add_row, errors_table, make_table, moment, printable, say, shorten, show_table
from workers.errors import ConfigInvalid, ExitCode, PoolError
from workers.log import configure
from workers.settings import Settings

_CELL: Final = 60
_TOLD_LAST: Final = ("error.message", "error.traceback")


class LetterMissing(PoolError):
    """There is no letter at the place asked for."""


def run(settings: Settings, topic: str, filter_: Filter, *, limit: int, everything: bool) -> ExitCode:
    """Print the latest letters that the filter means as a table, and how many each error has.

    Args:
        settings: for the connection, and the app or group whose letters are meant.
        topic: the dead-letter topic, or an input topic.
        filter_: which letters.
        limit: how many to print.
        everything: also those that are dealt with.

    Raises:
        PoolError: they cannot be read.
    """
    configure(level="error")
    letters = DeadLetters(settings, topic)
    meant = filter_ if letters.group is None else filter_.of_group(letters.group)
    ledger = letters.ledger()
    errors: Counter[str] = Counter()
    latest: list[tuple[int, int, int, Letter]] = []
    for some in letters.read():
        for letter in some:
            if meant.matches(letter) and (everything or not ledger.dealt(letter)):
                errors[letter.error] += 1
                entry = (letter.failed_at, letter.partition, letter.offset, letter)
                (heapq.heappush if len(latest) < limit else heapq.heappushpop)(latest, entry)
    if not errors:
        say(f"{letters.name}: no {'' if everything else 'open '}letter that is meant")
        return ExitCode.OK
    say(letters.name)
    show_table(_table([entry[-1] for entry in sorted(latest)], ledger))
    show_table(errors_table(errors))
    say(f"{len(latest):,} of {errors.total():,} {'' if everything else 'open '}letters shown, the latest last")
    return ExitCode.OK


def show(settings: Settings, topic: str, place: str, *, raw: bool) -> ExitCode:
    """Print one letter whole.

    Args:
        settings: for the connection, and the app or group whose letters are meant.
        topic: the dead-letter topic, or an input topic.
        place: `PARTITION:OFFSET` there.
        raw: only the value's bytes, as they are.

    Raises:
        LetterMissing: none is there.
        PoolError: it cannot be read.
    """
    configure(level="error")
    number, offset = _place(place)
    letters = DeadLetters(settings, topic)
    letter = _find(letters, number, offset)
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
        return ExitCode.OK
    _print_letter(letters.name, letter, letters.ledger().fate(letter))
    return ExitCode.OK


def _table(letters: list[Letter], ledger: Ledger) -> Table:
    table = make_table(
        place="left",
        failed_at="left",
        origin="left",
        group="left",
        key="left",
        error="left",
        message="left",
        attempts="right",
        bytes="right",
        headers="left",
        dealt_with="left",
    )
    for letter in letters:
        headers = ", ".join(f"{printable(name)}={printable(value)}" for name, value in letter.headers)
        add_row(
            table,
            letter.place,
            moment(letter.failed_at),
            f"{printable(str(letter.origin))}:{letter.told.get('origin.offset', '')}" if letter.origin else "-",
            printable(letter.group),
            shorten(printable(letter.key), _CELL),
            printable(letter.error),
            shorten(printable(letter.message), _CELL),
            printable(letter.told.get("attempts")),
            f"{letter.size:,}",
            shorten(headers, _CELL),
            ledger.fate(letter),
        )
    return table


def _print_letter(topic: str, letter: Letter, fate: str) -> None:
    table = Table(title=Text(f"{topic} {letter.place}"), title_justify="left", show_header=False, box=None)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    add_row(table, "key", printable(letter.key))
    add_row(table, "timestamp", moment(letter.timestamp))
    for name, value in letter.headers:
        add_row(table, f"header {printable(name)}", printable(value))
    for name, text in letter.told.items():
        if name not in _TOLD_LAST:
            add_row(table, f"pool.{printable(name)}", printable(text))
    add_row(table, "dealt with", fate or "no")
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    for name in _TOLD_LAST:
        if name in letter.told:
            console.print(Text(f"\npool.{name}\n", style="dim"), _lines(letter.told[name]), sep="")
    console.print(Text(f"\nvalue, {len(letter.value or b''):,} bytes\n", style="dim"), _value(letter), sep="")


def _value(letter: Letter) -> Text:
    if letter.value is None:
        return Text("none" if letter.obstacle is None else letter.obstacle)
    return _lines(letter.value.decode(errors="backslashreplace"))


def _lines(text: str) -> Text:
    return Text("\n".join(printable(line.expandtabs(4)) for line in text.splitlines()))


def _place(place: str) -> tuple[int, int]:
    number, colon, offset = place.partition(":")
    if not colon or not number.isdecimal() or not offset.isdecimal():
        raise ConfigInvalid(f"{place}: must be PARTITION:OFFSET in the dead-letter topic, as `dead list` shows it")
    return int(number), int(offset)


def _find(letters: DeadLetters, number: int, offset: int) -> Letter:
    place = f"{number}:{offset}"
    begin, end = letters.begins.get(number, 0), letters.ends.get(number, 0)
    if not begin <= offset < end:
        raise LetterMissing(f"{letters.name} has no letter at {place}; the partition's offsets are {begin} to {end}")
    # Of the other partitions nothing is read.
    with letters.reader(starts={**letters.ends, number: offset}) as reader:
        first = next((letter for some in reader.read() for letter in some), None)
    if first is None or first.offset != offset:
        raise LetterMissing(f"{letters.name} has no letter at {place}; the next is {first.place if first else 'none'}")
    return first
