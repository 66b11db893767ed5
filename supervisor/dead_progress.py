"""How far a command has come with dead letters: a bar on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

_LINE_SECONDS: Final = 2.0


class DeadProgress:
    """A context manager; `show` may be called as often as one likes.

    Args:
        console: where to draw; its `is_terminal` decides how.
        what: what is being done.
        total: how much of it there is.
    """

    def __init__(self, console: Console, what: str, total: int) -> None:
        self._console = console
        self._what = what
        self._total = total
        self._next_line = time.monotonic() + _LINE_SECONDS
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(escape(what), total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, done: int) -> None:
        """Bring the display up to date."""
        if self._console.is_terminal:
            self._bar.update(self._task, completed=done)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _LINE_SECONDS
            self._console.print(
                f"{self._what}: {done:,} of {self._total:,}", highlight=False, markup=False, soft_wrap=True
            )
