"""Ctrl-C, SIGTERM and a closed terminal as a question that a loop asks, so that a command can end with its summary."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Final, Self

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt:
    """While entered, SIGINT, SIGTERM and SIGHUP do not end the process: they are counted, unless they are ignored.

    For the main thread only. Inside another one, both count, this one from where that one stands.
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
        former = {number: signal.getsignal(number) for number in _SIGNALS}
        self._former = {number: handler for number, handler in former.items() if handler is not signal.SIG_IGN}  # nohup
        for number in self._former:
            signal.signal(number, self._note)
        self._count = max([self._count, *(outer._count for outer in map(_owner, self._former.values()) if outer)])
        if self._count:
            self._asked.set()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
        self._asked.set()
        if (outer := _owner(self._former[signal.Signals(number)])) is not None:
            outer._note(number, frame)


def _owner(handler: object) -> Interrupt | None:
    """Whose a signal's handler is; None: no interrupt's."""
    owner = getattr(handler, "__self__", None)
    return owner if isinstance(owner, Interrupt) else None
