"""Signals only leave a note and wake the loop, which acts on them."""

import os
import selectors
import signal
from collections.abc import Callable
from types import FrameType
from typing import Final

STOP: Final = (signal.SIGTERM, signal.SIGINT)


def hold() -> None:
    """Keep what asks to stop until `release`. Process 1 of a container never hears what comes before its handlers."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)


def release() -> None:
    """Let in what was kept; children that are started before this would keep it, too."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)


class Signals:
    """The supervisor's signals, as counts that its loop reads.

    Args:
        selector: is woken by each signal.
        on_child: called when a child has died, from the loop.
    """

    def __init__(self, selector: selectors.BaseSelector, on_child: Callable[[], None]) -> None:
        self.stops = 0
        """How often it was asked to stop: once drains, twice hurries."""
        self._on_child = on_child
        self._reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        selector.register(self._reader, selectors.EVENT_READ, self._woken)
        for number in STOP:
            signal.signal(number, self._stop)
        release()
        # A terminal that closes must not kill what runs on behind it; a service manager sends TERM.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stops += 1

    def _woken(self) -> None:
        os.read(self._reader, 4096)
        self._on_child()


def reap() -> None:
    """Collect children that are dead: the fork server, and orphans that came to this process, as to PID 1."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
