"""What stands in for Kafka, for the fork server and for time around the supervisor's parts."""

import os
import selectors
import socket
from collections.abc import Mapping
from typing import cast

import pytest

from supervisor.budget import MemoryBudget
from supervisor.forks import ForkServer
from supervisor.limits import WorkerLimits
from supervisor.partition import AssignedPartition, History
from supervisor.pool import Pool
from supervisor.starts import Start
from supervisor.suspects import Suspects
from supervisor.user_metrics import UserMetrics
from workers.protocol import Channel, Ended, Exited, Fork, Forked, Ready, ToWorker
from workers.records import TopicPartition
from workers.slot import SLOT_BYTES, SlotTable

A, B, C = (TopicPartition("readings", number) for number in range(3))


class Clock:
    """The monotonic clock, as a test turns it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
        self.now = 1000.0
        for module in modules:
            monkeypatch.setattr(f"supervisor.{module}.monotonic", lambda: self.now)

    def passes(self, seconds: float) -> None:
        self.now += seconds


class Counted:
    """Notes what is counted."""

    def __init__(self) -> None:
        self.deaths: list[tuple[str, int, str]] = []
        self.fences: list[tuple[str, int]] = []
        self.recycles: list[tuple[str, int, str]] = []
        self.commits: list[float] = []
        self.refusals: list[str] = []

    def died(self, topic: str, partition: int, cause: str) -> None:
        self.deaths.append((topic, partition, cause))

    def fenced(self, topic: str, partition: int) -> None:
        self.fences.append((topic, partition))

    def recycled(self, topic: str, partition: int, reason: str) -> None:
        self.recycles.append((topic, partition, reason))

    def committed(self, seconds: float) -> None:
        self.commits.append(seconds)

    def commit_failed(self, code: str) -> None:
        self.refusals.append(code)


class NoUserMetrics:
    """A user without metrics."""

    def worker_died(self, slot: int) -> None:
        """There is nothing to forget."""


class Forks:
    """Takes requests to fork, and plays the fork server and the workers, without any process."""

    def __init__(self) -> None:
        self.jobs: list[Fork] = []
        self._channels: dict[int, Channel[ToWorker]] = {}

    def fork(self, job: Fork, channel: socket.socket, crash_fd: int) -> None:
        assert os.fstat(crash_fd).st_size == 0
        self.jobs.append(job)
        self._channels[job.worker] = Channel(channel.dup(), ToWorker)

    def says(self, job: Fork, message: Ready | Ended) -> None:
        """The job's worker says something."""
        self._channels[job.worker].send(message)

    def hears(self, job: Fork) -> ToWorker | None:
        """What the job's worker is told."""
        return self._channels[job.worker].receive()

    def hangs_up(self, job: Fork) -> None:
        """The job's worker is gone, or never was."""
        self._channels.pop(job.worker).close()

    def close(self) -> None:
        """All workers are gone."""
        for channel in self._channels.values():
            channel.close()


class Stage:
    """A pool with such forks."""

    def __init__(self, slots: int = 2, limits: WorkerLimits | None = None, budget: MemoryBudget | None = None) -> None:
        self.selector = selectors.DefaultSelector()
        self.counted = Counted()
        self.forks = Forks()
        fd = os.memfd_create("slots")
        os.ftruncate(fd, slots * SLOT_BYTES)
        self.table = SlotTable(fd, slots)
        os.close(fd)
        self.pool = Pool(
            self.table,
            self.selector,
            limits=limits or WorkerLimits(silence=5.0),
            counter=self.counted,
            users=cast("UserMetrics", NoUserMetrics()),
            budget=budget,
        )
        self.pool.server = cast("ForkServer", self.forks)
        self.pool.largest_message = {A.topic: 1000}

    def close(self) -> None:
        """Forget all that is left."""
        for worker in self.pool.workers:
            worker.close()
        self.forks.close()
        self.selector.close()

    def hear(self) -> None:
        """Let the pool take in what workers have said."""
        for key, _ in self.selector.select(0):
            key.data()

    def assign(self, starts: Mapping[TopicPartition, int]) -> None:
        """Assign partitions whose starts are known at once, and fork."""
        self.pool.assign(starts)
        for name, offset in starts.items():
            self.pool.partitions[name].resolved(Start(offset, offset, offset))
        self.pool.reconcile(0)

    def run(self, job: Fork, pid: int) -> None:
        """The job is forked, and its worker reads."""
        self.pool.on_fork(Forked(job.worker, pid))
        self.forks.says(job, Ready())
        self.hear()

    def die(self, pid: int, status: int = 9) -> None:
        """The fork server has reaped that worker."""
        self.pool.on_fork(Exited(pid, status))


def partition(name: TopicPartition, offset: int, committed: int | None = None) -> AssignedPartition:
    """A partition whose start is known, without a worker."""
    made = AssignedPartition(name, History(), Suspects(2))
    made.resolved(Start(offset, committed, offset))
    return made
