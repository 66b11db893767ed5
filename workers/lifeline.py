"""No process of a pool outlives its parent, and none of the children heeds a signal meant for the supervisor."""

import ctypes
import os
import signal

from workers.endings import WorkerExit

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
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
    """Leave Ctrl-C, TERM and HUP to the supervisor: they reach the whole process group, and only it decides."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl({option}): {os.strerror(error)}")
