"""Ctrl-C, SIGTERM and a closed terminal as a question that a loop asks, so that a command can end with its summary."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Final, Self

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt:
    """While entered, SIGINT, SIGTERM and SIGHUP do not end the process: they are counted, unless they are ignored.

    For the main thread only.
    """

    def __init__(self) -> None:
        self._count = 0
        self._asked = threading.Event()
        self._former: dict[signal.Signals, signal._HANDLER] = {}

    @property
    def requested(self) -> bool:
        """Whether somebody wants the command to end."""
        return self._count > 0

    @property
    def impatient(self) -> bool:
        """Whether somebody has said so twice: leave out whatever may take time."""
        return self._count > 1

    def wait(self, seconds: float) -> bool:
        """Wait for so long, or until somebody wants the command to end; whether somebody does."""
        return self._asked.wait(seconds)

    def __enter__(self) -> Self:
        heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # as nohup has it
        self._former = {number: signal.signal(number, self._note) for number in heard}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1
        self._asked.set()
