"""How a load is going, while it goes: a live picture on a terminal, a line a second elsewhere."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from supervisor.latencies import milliseconds
from supervisor.load_options import LoadOptions
from supervisor.load_run import LoadRun
from supervisor.load_watch import Event

_LINE_SECONDS: Final = 1.0
_FRAME_SECONDS: Final = 0.2
_BARS: Final = "▁▂▃▄▅▆▇█"
_HISTORY: Final = 40
_MOST_EVENTS: Final = 5


class LoadView:
    """A context manager; `show` may be called as often as one likes.

    Args:
        console: where to draw; its `is_terminal` decides how.
        options: what is being done.
    """

    def __init__(self, console: Console, options: LoadOptions) -> None:
        self._console = console
        self._topic = options.topic
        self._notes: list[str] = []
        self._next = 0.0
        self._told = 0
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        self._next = time.monotonic() + (0.0 if self._live else _LINE_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def note(self, text: str) -> None:
        """Something that is to stay on the screen."""
        self._notes.append(text)
        if self._live is None:
            self._line(text)

    def show(self, load: LoadRun) -> None:
        """Bring the display up to date."""
        now = time.monotonic()
        if now < self._next:
            return
        if self._live is not None:
            self._next = now + _FRAME_SECONDS
            self._live.update(self._picture(load), refresh=True)
        else:
            self._next = now + _LINE_SECONDS
            for event in load.watch.events(load.begun)[self._told :]:
                self._told += 1
                self._line(f"{event.kind}: {event.what}")
            self._line(" · ".join([*(f"{value} {name}" for name, value in facts(load)), load.phase]))

    def _line(self, text: str) -> None:
        self._console.print(f"{self._topic}: {text}", highlight=False, soft_wrap=True)

    def _picture(self, load: LoadRun) -> Group:
        head = Table.grid(expand=True)
        head.add_column()
        head.add_column(justify="right")
        head.add_row(
            Text.assemble(("load ", "magenta"), (self._topic, "bold magenta")),
            Text(f"{load.phase} · {max(0.0, time.monotonic() - load.begun):.0f} s", style="dim"),
        )
        rows = Table.grid(padding=(0, 2, 0, 0))
        for name, value in facts(load):
            rows.add_row(Text(name, style="dim"), Text(value, style="bold"), Text(_history(load, name), style="cyan"))
        share = load.crew.totals.share_done
        bar = [] if share is None else [ProgressBar(total=1.0, completed=share, width=60)]
        notes = [Text(note, style="yellow") for note in self._notes[-_MOST_EVENTS:]]
        return Group(head, *bar, rows, *notes, *_events(load.watch.events(load.begun)))


def facts(load: LoadRun) -> list[tuple[str, str]]:
    """What there is to say of a load at this moment: names and values."""
    totals, verification = load.crew.totals, load.verification
    last = load.samples[-1] if load.samples else None
    found = [
        ("acknowledged", f"{totals.acknowledged:,}"),
        ("records/s", f"{last.acknowledged:,.0f}" if last else "-"),
        ("p99 ack", _last_ms(last.acknowledgement.p99 if last else None)),
    ]
    if load.reader is not None:
        found += [
            ("results", f"{verification.results:,}"),
            ("open", f"{verification.missing:,}"),
            ("p99 end to end", _last_ms(last.end_to_end.p99 if last and last.end_to_end else None)),
        ]
        found += [("repeated", f"{verification.repeated:,}")] if verification.repeated else []
        found += [("out of order", f"{verification.disordered:,}")] if verification.disordered else []
    if load.watch.lag is not None:
        found.append(("lag", f"{load.watch.lag:,}"))
    for name, count in (("behind the schedule", totals.behind), ("failed", totals.failed)):
        found += [(name, f"{count:,}")] if count else []
    return found


def _last_ms(value: float | None) -> str:
    return milliseconds(None if value is None else value / 1000)


def _history(load: LoadRun, name: str) -> str:
    samples = load.samples[-_HISTORY:]
    match name:
        case "records/s":
            return _sparkline([sample.acknowledged for sample in samples])
        case "p99 ack":
            return _sparkline([sample.acknowledgement.p99 or 0.0 for sample in samples])
        case "p99 end to end":
            return _sparkline([(sample.end_to_end and sample.end_to_end.p99) or 0.0 for sample in samples])
        case "lag":
            return _sparkline([float(sample.lag or 0) for sample in samples])
        case _:
            return ""


def _sparkline(values: Sequence[float]) -> str:
    most = max(values, default=0.0)
    return "".join(_BARS[min(7, int(value / most * 7.999))] for value in values) if most else ""


def _events(events: Sequence[Event]) -> list[Text]:
    return [
        Text.assemble((f"{event.at:7.1f} s  ", "dim"), (event.kind, "yellow"), f"  {event.what}")
        for event in events[-_MOST_EVENTS:]
    ]
