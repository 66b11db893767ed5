"""What can go wrong, named by its consequence, and what the process says about it when it ends.

A text says what happened, where, and what to do about it. It never holds a setting's value that may be a secret.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command or the supervisor ends; documented for operators, so the numbers stay."""

    OK = 0
    FAILED = 1
    """`check` found a problem, `load` or `demo` counted something missing, a replay was interrupted, or brokers or a
    pool refused what a command asked."""
    USAGE = 2
    """The command line or a setting is wrong."""
    APP = 3
    """The app cannot be imported, is invalid, its first workers cannot start, or a topic that it needs not be made."""
    GROUP = 4
    """The group refused this member for good: fenced, or not authorised."""
    UNDRAINED = 5
    """Stopped, but not every partition could be drained in time."""
    DATA_LOSS = 6
    """Records were gone before they were read, and `on_data_loss` says to stop."""
    BUG = 70
    """A bug in the supervisor; its workers are killed."""


class PoolError(Exception):
    """The base of every error that Partition Pool raises of its own."""


class ConfigInvalid(PoolError):
    """Settings that keep the pool from starting. The text lists every one that is wrong."""


class AppInvalid(PoolError):
    """The app keeps the pool from starting: it cannot be imported, or declares what cannot work."""


class StartFailed(PoolError):
    """An `on_start` hook raised, so this worker must not take records. The cause is the hook's own error."""


class HandlerFailed(PoolError):
    """A handler ended in a way that Python would take for something else, such as a bare StopIteration."""


class RecordRefused(PoolError):
    """A record that another attempt cannot help: it goes to the dead letters at once."""


class WorkerKiller(RecordRefused):
    """Workers have died of this record; the text says of what."""


class DecodeFailed(RecordRefused):
    """A key or value is not what the agent declares."""


class EncodeFailed(RecordRefused):
    """A result cannot be written in the agent's codec."""


class ResultRefused(RecordRefused):
    """A handler returned what cannot be produced: a list in a list, a coroutine, a result without a topic.

    Args:
        message: why.
        code: Kafka's error code, where the brokers or the client refused it.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class Reject(RecordRefused):
    """Raise it in a handler to send the record to the dead letters at once, with your words as the reason.

    Example:
        raise Reject("unknown device")
    """
