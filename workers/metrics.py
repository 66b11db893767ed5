"""A user's own prometheus metrics, made in handlers, on their way to the supervisor's `/metrics`.

prometheus-client keeps the values of several processes in mapped files, named by process. Here the name is the number
of the worker's slot: a successor in the slot goes on from its predecessor's values, and files do not pile up. The
pool's own metrics do not take this way: they are in the slots.
"""

import os
from pathlib import Path
from typing import Final

from prometheus_client import values

APP: Final = "app"
"""Whose values those are that are set while the app is imported."""

_owner = APP


def prepare(directory: str) -> None:
    """In the fork server, before the app is imported: have its metrics kept in files.

    Args:
        directory: where; it must exist.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(Path(directory).absolute())
    # Chosen by prometheus-client from the environment when it is imported, which may have been long ago.
    values.ValueClass = values.MultiProcessValue(lambda: _owner)  # type: ignore[no-untyped-call]  # prometheus-client's


def identify(slot: int) -> None:
    """In a worker, right after the fork: from now on values go to the files of its slot.

    Args:
        slot: the slot's number. Two living processes must not have the same.
    """
    global _owner  # noqa: PLW0603 - a process has one identity
    _owner = str(slot)
