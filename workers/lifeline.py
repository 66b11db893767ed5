"""No process of a pool outlives its parent, and none of the children heeds a signal meant for the supervisor."""

import ctypes
import fcntl
import os
import signal
import termios
import threading
from contextlib import suppress

from workers.endings import WorkerExit

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_OF_GROUP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_libc = ctypes.CDLL(None, use_errno=True)


def tie_to_parent(parent: int) -> None:
    """Die by SIGKILL when the parent does, whatever this process is doing; end at once if it is gone already.

    Args:
        parent: the pid of the process that made this one.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(WorkerExit.ORPHANED)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies, so that their deaths can be seen and waited for."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def ignore_group_signals() -> None:
    """Leave Ctrl-C, TERM and HUP to the supervisor: service managers send them to all processes, and only it decides.

    Handlers that do nothing, as what is ignored (SIG_IGN) would stay so in the programs that a user's code starts, and
    these could not be terminated.
    """
    for number in _OF_GROUP:
        signal.signal(number, lambda *_: None)


def leave_terminal() -> None:
    """Have no terminal: what asked it for a password would be stopped, as everything beside the foreground is."""
    with suppress(OSError):  # there is none
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            fcntl.ioctl(terminal, termios.TIOCNOTTY)
        finally:
            os.close(terminal)


def heed_signals_in_children() -> None:
    """Have the processes that this one forks, as `multiprocessing` does, heed those signals again."""
    masks = threading.local()

    def block() -> None:
        masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_GROUP)

    def unblock() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.before)

    def heed() -> None:
        for number in _OF_GROUP:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        unblock()

    os.register_at_fork(before=block, after_in_parent=unblock, after_in_child=heed)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl({option}): {os.strerror(error)}")
