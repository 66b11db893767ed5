"""How workers end, and what becomes of the partitions that they leave."""

from time import monotonic
from typing import Final, Protocol

from supervisor.oom import OomKills
from supervisor.partition import AssignedPartition
from supervisor.process import Worker, cause_of
from supervisor.restart import RestartPolicy
from supervisor.states import PartitionState
from supervisor.suspects import Death, blame
from workers.endings import WorkerExit
from workers.errors import PoolError
from workers.log import log
from workers.slot import POLLED

START_ATTEMPTS: Final = 2
"""How many more workers are tried when the first ones die before they are ready, and do not say that the app is at
fault."""
NOT_READY: Final = "not ready when its partition left"


class WorkersCannotStart(PoolError):
    """The very first workers failed to start: the app is at fault, and restarting them would only hide that."""


class EndCounter(Protocol):
    """What hears of workers' ends, for the metrics."""

    def died(self, topic: str, partition: int, cause: str) -> None: ...

    def fenced(self, topic: str, partition: int) -> None: ...

    def recycled(self, topic: str, partition: int, reason: str) -> None: ...


class Deaths:
    """Tells a drain from a fence and a crash, and a record's fault from others; restarts follow from that.

    Args:
        counter: hears of each dead and fenced worker.
    """

    def __init__(self, counter: EndCounter) -> None:
        self.ever_ready = False
        """Whether a worker of this supervisor has ever begun to read."""
        self._counter = counter
        self._oom_kills = OomKills()
        self._policy = RestartPolicy()

    def look(self) -> None:
        """Take note of what the kernel has killed for want of memory."""
        self._oom_kills.look()

    def settle(self, partition: AssignedPartition, worker: Worker, status: int | None, stacks: str) -> None:
        """Take note of a worker's end, and say what its partition does next.

        Args:
            partition: what it worked on.
            worker: dead, and buried.
            status: its raw wait status; None where nobody could say.
            stacks: what it wrote while crashing.

        Raises:
            WorkersCannotStart: see there.
        """
        cause = cause_of(worker, status)
        reason = worker.ended.reason if worker.ended else None
        facts = partition.facts | {"worker_pid": worker.pid, "offset": partition.committable}
        drained = reason is WorkerExit.DRAINED or worker.killed_for == NOT_READY
        if drained and partition.state is PartitionState.DRAINING:
            partition.drained = True
            partition.become(PartitionState.STOPPED)
            log.info("worker_drained", **facts)
            return
        if reason is WorkerExit.DRAINED and partition.state is PartitionState.RECYCLING:
            partition.become(PartitionState.WAITING)
            log.info("worker_drained", **facts)
            return
        text = worker.ended.message if worker.ended else ""
        if reason is WorkerExit.FENCED:
            log.warning("worker_fenced", **facts, reason=text)
            self._counter.fenced(*partition.name)
        else:
            log.error("worker_died", **facts, cause=cause, **_given(error=text, stacks=stacks))
            self._counter.died(*partition.name, cause)
        if partition.state is PartitionState.DRAINING:
            partition.drained = not worker.ready  # then it had nothing in hand
            partition.become(PartitionState.STOPPED)
        elif partition.state is not PartitionState.LOST:
            self._replace(partition, worker, worker.death(status, stacks), text or cause)

    def _replace(self, partition: AssignedPartition, worker: Worker, death: Death, text: str) -> None:
        """See to a successor of a worker that ended though its partition stays."""
        reason, lived = worker.ended.reason if worker.ended else None, monotonic() - worker.started_at
        if reason is WorkerExit.FENCED:
            # No crash: it has an heir elsewhere, of which the group is about to tell us, or its transaction timed out.
            partition.become(PartitionState.FENCED)
            if worker.absorbed:
                partition.suspects.isolate(worker.words[POLLED])
            fences = self._policy.deaths_in_row(partition.fences, lived)
            partition.fenced(fences, self._policy.delay(fences))
            return
        out_of_range = reason is WorkerExit.OUT_OF_RANGE
        partition.become(PartitionState.RESOLVING if out_of_range else PartitionState.BACKING_OFF)
        if not self.ever_ready and (reason is WorkerExit.START_FAILED or partition.deaths >= START_ATTEMPTS):
            raise WorkersCannotStart(text)
        self._back_off(partition, lived, got_on=self._suspect(partition, death))

    def _suspect(self, partition: AssignedPartition, death: Death) -> bool:
        """Note which record the worker died of, if of one; whether it is another than the last time."""
        cause = blame(death, self._oom_kills.recent)
        if cause is None:
            return False
        log.warning("record_suspected", **partition.facts, offset=death.position, cause=cause)
        return partition.suspects.add(death, cause)

    def _back_off(self, partition: AssignedPartition, lived: float, *, got_on: bool) -> None:
        deaths = self._policy.deaths_in_row(partition.deaths, lived, got_on=got_on)
        delay = self._policy.delay(deaths)
        partition.back_off(deaths, delay)
        log.warning("worker_restarts", **partition.facts, in_seconds=round(delay, 3), deaths=deaths)


def _given(**facts: str) -> dict[str, str]:
    return {name: text for name, text in facts.items() if text}
