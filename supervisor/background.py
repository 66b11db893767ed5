"""Calls that may hang with a broker, beside the supervisor's loop, which looks whether they are done."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_background(call: Callable[[], T]) -> "Future[T]":
    """Run `call` in a daemon thread: unlike an executor's, it keeps no process from ending.

    Returns: what comes of it, also where it could not be begun.
    """
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)

    try:
        threading.Thread(target=work, name="background", daemon=True).start()
    except RuntimeError as error:  # there may be no more threads
        future.set_exception(error)
    return future
