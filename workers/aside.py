"""A call that waits for brokers, beside the worker's loop."""

import threading
from collections.abc import Callable


class Aside:
    """Runs a call in a thread of its own; what it raises, whoever asks for its end gets.

    Args:
        call: what to run.
    """

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._error: BaseException | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="aside", daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether it has ended, well or not."""
        return self._ended.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; whether it has come."""
        return self._ended.wait(seconds)

    def check(self) -> None:
        """Raise what it ended in, if it ended badly."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._call()
        except BaseException as error:  # noqa: BLE001 - `check` raises it where it can be dealt with
            self._error = error
        self._ended.set()
