"""The workers that are, brought to the workers that ought to be: one for each assigned partition."""

import selectors
from collections.abc import Iterable
from time import monotonic

from supervisor.budget import MemoryBudget
from supervisor.deaths import NOT_READY, Deaths, EndCounter, WorkersCannotStart
from supervisor.forks import ForkServer
from supervisor.limits import WorkerLimits
from supervisor.partition import AssignedPartition, History
from supervisor.process import Worker
from supervisor.recycling import Reason, Recycling
from supervisor.states import PartitionState
from supervisor.suspects import Suspects
from supervisor.user_metrics import UserMetrics
from workers.log import log
from workers.protocol import Exited, Fork, Forked, ForkFailed
from workers.records import TopicPartition
from workers.slot import SlotTable

AWAKE_SECONDS = 1.0
"""A longer pause between two looks at the workers means that the supervisor itself was stopped."""
SHRUNK = 0.9
"""Of its share of memory: a worker that is to have less is replaced."""
MOST_FORKS = 32
"""Asked for and not answered yet: neither socket between this process and the fork server can fill."""
FORK_SECONDS = 1.0
"""After which a worker is tried again that could not be begun here."""

_WORKING = (PartitionState.RUNNING, PartitionState.RECYCLING)
_LEAVING = (PartitionState.DRAINING, PartitionState.STOPPED, PartitionState.LOST)


class Pool:
    """The assigned partitions and their workers.

    Args:
        table: the slots: as many workers run at once; further partitions wait.
        selector: gets the workers' channels.
        limits: what a worker may take.
        budget: what all of them may hold together; None: as much as each of them does.
        counter: hears of each dead, fenced and recycled worker.
        users: the user's own metrics, which are kept by slot.
    """

    def __init__(
        self,
        table: SlotTable,
        selector: selectors.BaseSelector,
        *,
        limits: WorkerLimits,
        budget: MemoryBudget | None = None,
        counter: EndCounter,
        users: UserMetrics,
    ) -> None:
        self.partitions: dict[TopicPartition, AssignedPartition] = {}
        self.history: dict[TopicPartition, History] = {}
        """Of every partition that was ever here."""
        self.server: ForkServer | None = None
        """Where workers are forked; None while there is none that is ready."""
        self.metadata = b""
        """What proves this member to the group, where workers commit in transactions; else empty."""
        self.largest_message: dict[str, int] = {}
        """Bytes that a worker's producer must be able to send, by input topic."""
        self.known_partitions = 0
        """Of all topics: so many this pod may come to have."""
        self._table = table
        self._selector = selector
        self._limits = limits
        self._budget = budget
        self._deaths = Deaths(counter)
        self._counter = counter
        self._users = users
        self._free = list(range(table.slots))
        self._numbers = 0
        self._looked_at = monotonic()

    @property
    def workers(self) -> list[Worker]:
        return [partition.worker for partition in list(self.partitions.values()) if partition.worker]

    def assign(self, names: Iterable[TopicPartition]) -> None:
        """Take partitions over; each waits for its start offset."""
        for name in names:
            assert name not in self.partitions, f"{name} is assigned twice"
            self.partitions[name] = AssignedPartition(
                name, self.history.setdefault(name, History()), Suspects(self._limits.deaths)
            )

    def drop(self, names: Iterable[TopicPartition]) -> None:
        """Forget partitions whose workers are dead."""
        for name in names:
            partition = self.partitions.pop(name)
            assert partition.worker is None, f"{name} is dropped while its worker lives"

    def reconcile(self, lease_ns: int, proved_at: float = 0.0) -> None:
        """Fork where a worker is due, renew leases, and kill workers that show no sign of life.

        Args:
            lease_ns: until when workers may work.
            proved_at: when that was sent which last proved membership, on the monotonic clock.
        """
        now = monotonic()
        elapsed, self._looked_at = min(now - self._looked_at, AWAKE_SECONDS), now
        self._deaths.look()
        room = self._room()
        unanswered = sum(worker.pid is None for worker in self.workers)
        for partition in self.partitions.values():
            partition.measure_rate()
            if partition.worker:
                partition.worker.lease(lease_ns)
                partition.worker.watch_life(elapsed, self._limits)
                self._recycle_if_due(partition, partition.worker, room)
            elif partition.may_wait(now, proved_at):
                partition.become(PartitionState.WAITING)
            ready = partition.name.topic in self.largest_message
            due = ready and partition.state is PartitionState.WAITING and partition.due_at <= now
            if due and self.server and self._free and unanswered < MOST_FORKS:
                unanswered += 1
                self._fork(partition, self.server, room)

    def tell(self, metadata: bytes) -> None:
        """The proof of membership has changed: tell the workers of all partitions that stay."""
        self.metadata = metadata
        for partition in self.partitions.values():
            # One that starts does not read yet, and may not for long: it is told when it is ready.
            if partition.worker and partition.state in _WORKING:
                partition.worker.tell(metadata)

    def drain(self, names: Iterable[TopicPartition]) -> None:
        """Have the workers of these partitions finish the record in hand, flush and end."""
        for name in names:
            partition = self.partitions[name]
            if partition.state in _LEAVING:
                continue
            if partition.worker is None:
                partition.drained = True
                partition.become(PartitionState.STOPPED)
            else:
                partition.become(PartitionState.DRAINING)
                partition.worker.drain(self.metadata)

    def kill(self, names: Iterable[TopicPartition], cause: str) -> None:
        """Kill the workers of these partitions; their deaths are confirmed later."""
        for name in names:
            partition = self.partitions[name]
            if partition.worker:
                partition.worker.kill(cause)

    def lose(self, names: Iterable[TopicPartition]) -> None:
        """Kill the workers of these partitions, and have nothing of them committed any more."""
        for name in names:
            partition = self.partitions[name]
            if partition.state is not PartitionState.LOST:
                partition.become(PartitionState.LOST)
        self.kill(names, "partition lost")

    def alive(self, names: Iterable[TopicPartition]) -> list[TopicPartition]:
        """Those of these partitions on which a process may still work."""
        return [name for name in names if self.partitions[name].worker]

    def untold(self, names: Iterable[TopicPartition]) -> set[int]:
        """The workers of these partitions that are dead, or never were, of which the fork server has not said so."""
        workers = [worker for name in names if (worker := self.partitions[name].worker)]
        return {worker.number for worker in workers if worker.pid is None or worker.confirmed_dead()}

    def undrained(self, names: Iterable[TopicPartition]) -> list[TopicPartition]:
        """Those of these partitions whose last worker has not ended by draining."""
        return [name for name in names if not self.partitions[name].drained]

    def kill_unready(self, names: Iterable[TopicPartition]) -> None:
        """Kill those of these workers that have not begun to read: they have nothing in hand."""
        self.kill([n for n in names if (worker := self.partitions[n].worker) and not worker.ready], NOT_READY)

    def unconfirmed(self) -> bool:
        """Whether a worker is dead, or was to be, for long, and the fork server does not say so."""
        return any(worker.overdue for worker in self.workers)

    def on_fork(self, message: Forked | ForkFailed | Exited) -> None:
        """The fork server tells how a worker began or ended."""
        for partition in list(self.partitions.values()):
            worker = partition.worker
            if worker is None:
                continue
            match message:
                case Forked(number, pid) if worker.number == number:
                    worker.forked(pid)
                    log.info("worker_started", **partition.facts, worker_pid=pid)
                case ForkFailed(number, text) if worker.number == number:
                    first = not self._deaths.ever_ready and partition.state is PartitionState.STARTING
                    worker.kill(f"fork failed: {text}")
                    self._died(partition, None)
                    if first:
                        raise WorkersCannotStart(f"cannot fork a worker: {text}")
                case Exited(pid, status) if worker.pid == pid:
                    self._died(partition, status)

    def bury_orphans(self) -> bool:
        """After the fork server's death: take note of dead workers; True once none is left."""
        for partition in list(self.partitions.values()):
            if partition.worker and partition.worker.confirmed_dead():
                self._died(partition, None)
        return not self.workers

    def _fork(self, partition: AssignedPartition, server: ForkServer, room: int | None) -> None:
        start = partition.committable
        assert start is not None
        slot = self._free.pop(0)
        self._table.clear(slot, start)
        self._numbers += 1
        words = self._table[slot]
        recycling = Recycling(self._limits, words)
        try:
            worker = Worker(self._numbers, partition.name, slot, words, recycling, self._selector, self._on_ready)
        except OSError as error:
            self._free.append(slot)
            partition.due_at = monotonic() + FORK_SECONDS
            cure = "raise the limit of open files (ulimit -n; systemd: LimitNOFILE=)"
            log.error("worker_not_started", **partition.facts, error=str(error), retry_in=FORK_SECONDS, cure=cure)
            return
        worker.room, worker.metadata = room, self.metadata
        partition.worker = worker
        partition.become(PartitionState.STARTING)
        topic, number = partition.name
        job = Fork(
            worker.number,
            topic,
            number,
            start,
            slot,
            self.largest_message[topic],
            room,
            partition.suspects.careful_until,
            partition.suspects.alone_until,
            partition.suspects.condemned(start),
            self.metadata,
        )
        server.fork(job, worker.theirs, worker.crash_fd)
        # From here on the other end is held by the worker alone, and its closing tells of the worker's end.
        worker.theirs.close()

    def _room(self) -> int | None:
        """Bytes for a worker's queues, so that there is enough for as many workers as there can be."""
        if self._budget is None:
            return None
        workers = min(self._table.slots, max(self.known_partitions, len(self.partitions)))
        return self._budget.room(max(1, workers), max(self.largest_message.values(), default=0))

    def _on_ready(self, worker: Worker) -> None:
        partition = self.partitions[worker.partition]
        self._deaths.ever_ready = True
        if partition.state is PartitionState.STARTING:
            partition.become(PartitionState.RUNNING)
            if worker.metadata != self.metadata:  # it has changed since the fork
                worker.tell(self.metadata)
        log.info("worker_ready", **partition.facts, worker_pid=worker.pid, offset=partition.position)

    def _died(self, partition: AssignedPartition, status: int | None) -> None:
        worker = partition.bury_worker()
        stacks = worker.close()
        self._users.worker_died(worker.slot)
        self._free.append(worker.slot)
        self._deaths.settle(partition, worker, status, stacks)

    def _recycle_if_due(self, partition: AssignedPartition, worker: Worker, room: int | None) -> None:
        """Have a worker replaced that has taken enough; its partition stays, and the group does not notice."""
        if partition.state is not PartitionState.RUNNING or worker.pid is None:
            return
        reason = (
            Reason.BUDGET if self._has_too_much(worker, room) else worker.recycling.due(worker.pid, busy=worker.busy)
        )
        if reason is not None:
            partition.become(PartitionState.RECYCLING)
            worker.drain(self.metadata)
            self._counter.recycled(*partition.name, reason)
            log.info("worker_recycles", **partition.facts, worker_pid=worker.pid, reason=reason)

    def _has_too_much(self, worker: Worker, room: int | None) -> bool:
        """Whether a worker's share of memory has become clearly less than it has; one is replaced after the other."""
        if room is None or worker.room is None or room > SHRUNK * worker.room:
            return False
        return all(partition.state is not PartitionState.RECYCLING for partition in self.partitions.values())
