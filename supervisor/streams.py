"""The standard streams, of which whoever started this process may have closed some."""

import os
import sys
from typing import Final

_STREAMS: Final = ("stdin", "stdout", "stderr")


def complete() -> None:
    """Let each that is closed lead nowhere. Otherwise its number goes to the next file that is opened, a socket say,
    and what a library or a child prints would be written there.
    """
    for number, name in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            # Takes the lowest number that is free, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115
