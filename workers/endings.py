"""Why a worker ends by its own decision: one error and one exit code for each reason."""

from enum import IntEnum
from typing import ClassVar

from workers.errors import PoolError, ResultRefused


class WorkerExit(IntEnum):
    """How a worker ended, as its exit code. Whatever else comes back is a crash."""

    DRAINED = 0
    START_FAILED = 60
    """An `on_start` hook raised, or a Kafka client refused its settings."""
    OUT_OF_RANGE = 61
    """The log no longer holds the offset to read from."""
    RECORD_FATAL = 62
    """A record failed for good, and its agent has no dead-letter topic."""
    SINK_FAILED = 63
    """A result or a dead letter could not be written, for a reason that is not its record's."""
    SOURCE_FAILED = 64
    """The partition cannot be read: not authorised, corrupt, gone."""
    CRASHED = 65
    """An error that nothing above names."""
    FENCED = 68
    """Another worker writes under this partition's transactional id."""
    ORPHANED = 66
    """The supervisor is gone."""
    LEASE_LOST = 67
    """Results were unsent when the lease ended: they may be the next owner's to send."""


class Rewind(Exception):
    """What was done since the last transaction is taken back, and its records are read again.

    Args:
        why: for the log.
        origin: on whose behalf a result was refused, where that is the cause.
        error: the refusal.
    """

    def __init__(self, why: str, origin: object = None, error: ResultRefused | None = None) -> None:
        super().__init__(why)
        self.origin = origin
        self.error = error


class WorkerMustEnd(PoolError):
    """The worker cannot go on. What it has not reported as committable is read again by its successor."""

    exit: ClassVar[WorkerExit] = WorkerExit.CRASHED


class CannotStart(WorkerMustEnd):
    """The app's hooks or the Kafka clients' settings keep the worker from starting."""

    exit = WorkerExit.START_FAILED


class Fenced(WorkerMustEnd):
    """Another worker has taken over the partition: this one must not touch it until its membership is proved anew."""

    exit = WorkerExit.FENCED


class OffsetOutOfRange(WorkerMustEnd):
    """The log no longer holds the offset to read: the supervisor decides where to go on."""

    exit = WorkerExit.OUT_OF_RANGE


class LeaseLost(WorkerMustEnd):
    """Results may no longer be sent, and the Kafka client would send them as soon as it can."""

    exit = WorkerExit.LEASE_LOST


class RecordFatal(WorkerMustEnd):
    """A record failed for good and may not be passed over."""

    exit = WorkerExit.RECORD_FATAL


class SinkFailed(WorkerMustEnd):
    """Nothing can be written, or what was written is lost; a successor makes it anew."""

    exit = WorkerExit.SINK_FAILED


class SourceFailed(WorkerMustEnd):
    """The partition cannot be read."""

    exit = WorkerExit.SOURCE_FAILED
