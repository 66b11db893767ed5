"""What a worker may take: time for a record, memory, records."""

from dataclasses import dataclass

from workers.settings import Settings


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """When a worker is killed, replaced, or one of its records is given up.

    Args:
        silence: seconds without a sign of life after which it is killed.
        handler: the same while it has a record in hand; None: no other than `silence`.
        deaths: of workers on one record, after which the record is set aside.
        memory: resident bytes above which it is replaced; None: any.
        records: after how many it is replaced, give or take a tenth; None: never.
    """

    silence: float = 60.0
    handler: float | None = None
    deaths: int = 2
    memory: int | None = None
    records: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> "WorkerLimits":
        return cls(
            settings.worker_timeout,
            settings.handler_timeout,
            settings.quarantine_after,
            settings.max_memory,
            settings.max_records,
        )

    @property
    def in_hand(self) -> float:
        """Seconds without a sign of life that a record in hand may take."""
        return self.silence if self.handler is None else self.handler
