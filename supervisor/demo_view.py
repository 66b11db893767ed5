"""How the demo shows itself: a live screen on a terminal, plain lines elsewhere."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from supervisor.demo_audit import SeenAlert
from supervisor.latencies import Latencies, milliseconds
from supervisor.status import PoolStatus
from supervisor.table import status_table

_MOST_EVENTS: Final = 5
_FEWEST: Final = 2
_PANEL_FRAMES: Final = 4
_LINE_SECONDS: Final = 1.0
_ALERTS_A_LINE: Final = 2
_HIDDEN: Final = frozenset({"event", "timestamp", "level", "pid", "group", "topic"})
"""What every line of the pool's log says, or every line of a demo with one input topic."""
_LEVEL_STYLES: Final = {"warning": "yellow", "error": "bold red", "critical": "bold red"}


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to show at one moment."""

    phase: str
    """What the demo is doing."""
    broker: str
    status: PoolStatus | None
    elapsed: float
    """Seconds of load."""
    duration: float | None
    acknowledged: int
    hot: int
    alerted: int
    repeated: int
    latencies: Latencies
    kills: int
    restarts: int


class View(Protocol):
    """Shows a demo."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def alerts(self, seen: Sequence[SeenAlert]) -> None:
        """Alerts that have come in."""
        ...

    def event(self, text: Text) -> None:
        """Something happened."""
        ...

    def show(self, scene: Scene) -> None:
        """Draw the scene, as often as the view likes."""
        ...


class LiveView:
    """The whole terminal: the pool's table, alerts scrolling under it, what happened at the bottom."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._alerts: deque[SeenAlert] = deque(maxlen=200)
        self._events: deque[Text] = deque(maxlen=_MOST_EVENTS)
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def alerts(self, seen: Sequence[SeenAlert]) -> None:
        self._alerts.extend(seen)

    def event(self, text: Text) -> None:
        self._events.append(text)

    def show(self, scene: Scene) -> None:
        head = [_title(scene), Text(), *self._pool(scene), Text(), _facts(scene), Text()]
        used = sum(len(self._console.render_lines(part)) for part in head)
        room = self._console.height - used - _PANEL_FRAMES - 1
        for_events = max(_FEWEST, min(_MOST_EVENTS, room // 3))
        for_alerts = max(_FEWEST, room - for_events)
        alerts = [_alert_line(seen) for seen in list(self._alerts)[-for_alerts:]]
        events = list(self._events)[-for_events:]
        panels = _panel("alerts", "red", alerts, for_alerts), _panel("what happened", "blue", events, for_events)
        self._live.update(Group(*head, *panels), refresh=True)

    def _pool(self, scene: Scene) -> list[Group | Text]:
        if scene.status is None:
            return [Text("the pool is starting", style="yellow")]
        return [status_table(scene.status, "alerts", self._console.width)]


class LineView:
    """A line a second, and one for each event, for a pipe or a file."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._alerts: list[SeenAlert] = []
        self._next = time.monotonic()
        self._said = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def alerts(self, seen: Sequence[SeenAlert]) -> None:
        self._alerts.extend(seen)

    def event(self, text: Text) -> None:
        self._print(text)

    def show(self, scene: Scene) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _LINE_SECONDS
        for seen in self._alerts[:_ALERTS_A_LINE]:
            self._print(Text("alert  ").append_text(_alert_line(seen)))
        if len(self._alerts) > _ALERTS_A_LINE:
            self._print(Text(f"       and {len(self._alerts) - _ALERTS_A_LINE} more"))
        self._alerts.clear()
        line = _status_line(scene)
        if line != self._said:  # while there is nothing new, nothing is said
            self._said = line
            self._print(happened(line))

    def _print(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True)


def happened(what: str, style: str = "", **facts: object) -> Text:
    """An event as a line: the time, what happened, and its facts."""
    line = Text(time.strftime("%H:%M:%S "), style="dim")
    line.append(what, style=style)
    for name, value in facts.items():
        line.append(f"  {name}=", style="dim")
        line.append(", ".join(map(str, value)) if isinstance(value, list) else str(value), style="default")
    return line


def logged(event: dict[str, Any]) -> Text:
    """A log event of the pool as a line."""
    style = _LEVEL_STYLES.get(str(event.get("level")), "")
    facts = {name: value for name, value in event.items() if name not in _HIDDEN}
    return happened(str(event.get("event")), style, **facts)


def _panel(title: str, style: str, lines: Sequence[Text], height: int) -> Panel:
    body = Text("\n", no_wrap=True, overflow="ellipsis").join(lines)
    return Panel(body, title=f"[bold]{title}", title_align="left", border_style=style, height=height + 2)


def _title(scene: Scene) -> Table:
    line = Table.grid(expand=True)
    line.add_column()
    line.add_column(justify="right")
    name = Text.assemble(("Partition Pool", "bold magenta"), ("  demo", "magenta"))
    name.append(f"  embedded broker {scene.broker}", style="dim")
    line.add_row(name, Text(scene.phase, style="dim"))
    return line


def _facts(scene: Scene) -> Table:
    line = Table.grid(padding=(0, 2, 0, 0))
    facts: list[Text | ProgressBar] = [
        _fact("sent", f"{scene.acknowledged:,}"),
        _fact("hot", f"{scene.hot:,}"),
        _fact("alerted", f"{scene.alerted:,}", "green" if scene.alerted == scene.hot else "yellow"),
        _fact("latency", milliseconds(scene.latencies.percentile(0.5))),
    ]
    if scene.kills:
        facts.append(_fact("kill -9", f"{scene.kills}", "red"))
    if scene.duration is None:
        facts.append(_fact("time", f"{scene.elapsed:.0f} s"))
    else:
        facts.append(ProgressBar(total=scene.duration, completed=min(scene.elapsed, scene.duration), width=12))
    line.add_row(*facts)
    return line


def _fact(name: str, value: str, style: str = "bold") -> Text:
    return Text.assemble((f"{name} ", "dim"), (value, style))


def _alert_line(seen: SeenAlert) -> Text:
    at = time.strftime("%H:%M:%S", time.localtime(seen.timestamp))
    return Text.assemble(
        (f"{at}.{seen.timestamp % 1 * 1000:03.0f} ", "dim"),
        (f"{seen.alert.device_id}  ", "cyan"),
        (f"{seen.alert.temperature:.1f}°", "bold red"),
        (f"  {seen.alert.alert}  record {seen.alert.seq:,}  after {milliseconds(seen.latency)}", "dim"),
    )


def _status_line(scene: Scene) -> str:
    facts = [f"{scene.acknowledged:,} sent", f"{scene.alerted:,} of {scene.hot:,} hot alerted"]
    if scene.status is None:
        return f"{scene.phase}:  {'  '.join(facts)}"
    partitions = scene.status.partitions
    running = sum(partition.state == "running" for partition in partitions)
    facts += [
        f"{running}/{len(partitions)} workers running",
        f"lag {sum(partition.lag or 0 for partition in partitions):,}",
        f"{sum(partition.rate for partition in partitions):,.0f} records/s",
        f"{scene.restarts} restarts",
    ]
    return f"{scene.phase}:  {'  '.join(facts)}"
