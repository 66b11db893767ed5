"""How a load is going, while it goes: a bar on a terminal, a line a second elsewhere."""

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from supervisor.latencies import milliseconds
from supervisor.recorder import Recorder
from supervisor.sender import Sender

_LINE_SECONDS: Final = 1.0


class LoadProgress:
    """A context manager; `show` may be called as often as one likes.

    Args:
        console: where to draw; its `is_terminal` decides how.
        topic: named in the display.
    """

    def __init__(self, console: Console, topic: str) -> None:
        self._console = console
        self._topic = topic
        self._next_line = time.monotonic() + _LINE_SECONDS
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(topic, total=1.0, facts="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, sender: Sender) -> None:
        """Bring the display up to date."""
        if self._console.is_terminal:
            total = None if sender.share_done is None else 1.0
            self._bar.update(self._task, total=total, completed=sender.share_done or 0.0, facts=_facts(sender))
        elif time.monotonic() >= self._next_line:
            self._next_line += _LINE_SECONDS
            self._console.print(f"{self._topic}: {_facts(sender)}", highlight=False, soft_wrap=True)


def _facts(sender: Sender) -> str:
    recorder = sender.recorder
    parts = [
        f"{recorder.acknowledged:,} acknowledged",
        f"{recorder.acknowledged / max(sender.elapsed, 0.001):,.0f}/s",
        f"p99 {milliseconds(recorder.latencies.percentile(0.99))}",
    ]
    if recorder.failed:
        parts.append(f"{recorder.failed:,} failed")
    if sender.done:
        parts.append(_waiting(recorder))
    return " · ".join(parts)


def _waiting(recorder: Recorder) -> str:
    return f"waiting for {recorder.outstanding:,} more"
