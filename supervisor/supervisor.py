"""The supervisor: it keeps one worker for each partition that the group assigns, and commits for them all."""

import os
import selectors
from collections.abc import Collection, Sequence
from time import monotonic
from typing import Final, NamedTuple

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from supervisor.app_host import AppHost
from supervisor.background import in_background
from supervisor.commits import Commits
from supervisor.lease import Lease
from supervisor.membership import CommitAnswer, Membership
from supervisor.metrics import Counters, Rebalance
from supervisor.partition import AssignedPartition
from supervisor.pool import Pool
from supervisor.report import Facts
from supervisor.resolver import Resolver
from supervisor.signals import Signals, reap
from supervisor.starts import Start
from supervisor.states import SupervisorState
from supervisor.topic_watch import TopicWatch
from supervisor.user_metrics import UserMetrics
from workers import kafka
from workers.errors import ExitCode, PoolError
from workers.loading import Declaration
from workers.log import add_facts, log
from workers.protocol import Setup
from workers.records import TopicPartition
from workers.settings import GroupProtocol, Settings
from workers.slot import SLOT_BYTES, SlotTable

TURN_SECONDS: Final = 0.05
IDENTITY_SECONDS: Final = 1.0
"""How often the member asks its client who it is."""
DRAIN_SHARE: Final = 0.75
COMMIT_SHARE: Final = 0.9
"""Of `drain_timeout`: until when workers may finish, and until when the last commit is waited for."""


class DataLost(PoolError):
    """The log has deleted records before they were handled, and `on_data_loss` says to stop."""


class GroupWork(NamedTuple):
    """What deals with the group, from when the app is imported."""

    topics: TopicWatch
    membership: Membership
    resolver: Resolver
    commits: Commits


class Supervisor:
    """The group's only member in this pod, and the parent of its workers. No user code runs in it.

    Args:
        settings: what is in force; `app` is set.
        users: where workers keep the user's own metrics.
    """

    def __init__(self, settings: Settings, users: UserMetrics) -> None:
        assert settings.app is not None
        self._settings = settings
        self._selector = selectors.DefaultSelector()
        self._signals = Signals(self._selector, reap)
        self.counters = Counters()
        slots_fd = os.memfd_create("slots")
        os.ftruncate(slots_fd, settings.max_workers * SLOT_BYTES)
        table = SlotTable(slots_fd, settings.max_workers)
        self.pool = Pool(
            table,
            self._selector,
            max_workers=settings.max_workers,
            worker_timeout=settings.worker_timeout,
            counter=self.counters,
            users=users,
        )
        self.facts = Facts(settings.protocol, self.pool)
        self._lease = Lease(settings.lease_seconds, by_commit=settings.protocol is GroupProtocol.CONSUMER)
        self._group: GroupWork | None = None
        self._identity_at = 0.0
        setup = Setup(settings.app, settings, str(users.directory))
        self._host = AppHost(setup, slots_fd, table, self._selector, self.pool, self._on_loaded)

    def run(self) -> ExitCode:
        """Work until asked to stop; then drain, commit and leave the group.

        Raises:
            PoolError: what keeps the pool from working.
        """
        self._host.start()
        try:
            while not self._signals.stops:
                self._turn()
            return self._shut_down()
        except DataLost as error:
            log.critical("stopping", reason=str(error))
            self._shut_down()
            return ExitCode.DATA_LOSS
        finally:
            # However this ends, no worker outlives it.
            self._host.kill()

    def _turn(self, *, polling: bool = True) -> None:
        """One turn of the loop. Within a callback of the group all goes on but its polling."""
        for key, _ in self._selector.select(TURN_SECONDS):
            # What was handled just before may have closed it.
            if self._selector.get_map().get(key.fd) is key:
                key.data()
        self.facts.turned_at = monotonic()
        self._host.turn()
        if self._group:
            self._group.resolver.turn()
            self._lease.turn()
            self._group.commits.turn(polling=polling)
        self.pool.reconcile(self._lease.deadline_ns)
        if self._group and polling:
            self._take_part(self._group)

    def _take_part(self, group: GroupWork) -> None:
        """Subscribe when topics are ready, let the group's callbacks run, and note who we are to it."""
        if group.topics.turn():
            self.pool.largest_message = dict(group.topics.inputs)
            group.membership.subscribe(sorted(group.topics.inputs))
            if self.facts.state is SupervisorState.STARTING:
                self.facts.become(SupervisorState.JOINING)
        group.membership.poll()
        if monotonic() >= self._identity_at:
            self._identity_at = monotonic() + IDENTITY_SECONDS
            self.facts.identity = group.membership.identity()
            if self.facts.identity.generation >= 0 and self.facts.state is SupervisorState.JOINING:
                self.facts.become(SupervisorState.RUNNING)

    def _on_loaded(self, app: Declaration) -> None:
        """The app is imported: now the group is known."""
        self.facts.group = app.group
        add_facts(group=app.group)
        settings = self._settings
        admin = AdminClient(kafka.admin(settings.client("admin")))
        membership = Membership(settings.client("supervisor"), app.group, self, self._on_commit)
        reader = Consumer(kafka.offset_reader(settings.client("consumer"), app.group))
        resolver = Resolver(admin, reader, settings.start, self.pool.partitions, self._on_start)
        commits = Commits(
            membership, self.pool.partitions, self._lease, settings.commit_interval, counter=self.counters
        )
        self._group = GroupWork(TopicWatch(admin, app, settings.create), membership, resolver, commits)

    # What the group tells, through Membership and its like.

    def on_assign(self, names: Sequence[TopicPartition]) -> None:
        began = monotonic()
        if self._settings.protocol is GroupProtocol.CLASSIC:
            self._lease.proved(monotonic())
        self.pool.assign(names)
        self._identity_at = 0.0
        self.counters.rebalanced(Rebalance.ASSIGNED, monotonic() - began)
        log.info("partitions_assigned", moved=_texts(names), owned=len(self.pool.partitions))

    def on_revoke(self, names: Sequence[TopicPartition]) -> None:
        began = monotonic()
        assert self._group is not None
        timeout = self._settings.drain_timeout
        undrained = self._drain(names, began + timeout * DRAIN_SHARE)
        self._group.commits.flush(names, began + timeout * COMMIT_SHARE)
        self.pool.drop(names)
        self._identity_at = 0.0
        seconds = monotonic() - began
        self.counters.rebalanced(Rebalance.REVOKED, seconds)
        log.info(
            "partitions_revoked",
            moved=_texts(names),
            owned=len(self.pool.partitions),
            undrained=len(undrained),
            seconds=round(seconds, 3),
        )

    def on_lost(self, names: Sequence[TopicPartition]) -> None:
        """Somebody else may own them by now: nothing of them is committed, and their workers end at once."""
        began = monotonic()
        self._lease.lost()
        self._end(names, "partition lost")
        self.pool.drop(names)
        if self.facts.state is SupervisorState.RUNNING:
            self.facts.become(SupervisorState.JOINING)
        self._identity_at = 0.0
        seconds = monotonic() - began
        self.counters.rebalanced(Rebalance.LOST, seconds)
        log.warning("partitions_lost", moved=_texts(names), seconds=round(seconds, 3))

    def _on_commit(self, answer: CommitAnswer) -> None:
        assert self._group is not None
        self._group.commits.on_commit(answer)

    def _on_start(self, partition: AssignedPartition, start: Start) -> None:
        """A partition's start is known; what the log has lost before it is told."""
        assert self._group is not None
        topic, number = partition.name
        if start.lost:
            first, last, count = start.lost.start, start.lost.stop - 1, len(start.lost)
            self.counters.lost_records(topic, number, count)
            log.error("records_lost", topic=topic, partition=number, first=first, last=last, count=count)
            if self._settings.on_data_loss == "stop":
                raise DataLost(
                    f"{partition.name}: offsets {first} to {last} are gone from the log. To go on from {start.offset}:"
                    " python -m supervisor offsets reset, or on_data_loss=continue"
                )
        partition.resolved(start)
        # So that a group without an offset has one from here on, and the lease its proof.
        self._group.commits.soon()

    # The end of partitions, and of everything.

    def _drain(self, names: Collection[TopicPartition], deadline: float) -> list[TopicPartition]:
        """Have workers finish the record in hand, flush and end; kill those that have not by the deadline.

        Returns:
            The partitions that were not drained: what their workers had in hand will be repeated.
        """
        stops = self._signals.stops
        self.pool.drain(names)
        while self.pool.alive(names) and monotonic() < deadline and self._signals.stops < max(2, stops + 1):
            self._turn(polling=False)
        undrained = self.pool.undrained(names)
        for name in undrained:
            offset = self.pool.partitions[name].committable
            log.error("partition_undrained", topic=name.topic, partition=name.partition, offset=offset)
        self._end(self.pool.alive(names), "not drained in time")
        return undrained

    def _end(self, names: Collection[TopicPartition], cause: str) -> None:
        """Kill these partitions' workers; none lives any more when this returns."""
        self.pool.kill(names, cause)
        while self.pool.alive(names):
            self._turn(polling=False)

    def _shut_down(self) -> ExitCode:
        """Drain all, commit, leave the group: each with a share of `drain_timeout`, so that it ends in time."""
        began, timeout = monotonic(), self._settings.drain_timeout
        self.facts.become(SupervisorState.DRAINING)
        names = list(self.pool.partitions)
        log.info("draining", partitions=len(names), timeout=timeout)
        undrained = self._drain(names, began + timeout * DRAIN_SHARE)
        committed = True
        if self._group:
            committed = self._group.commits.flush(names, began + timeout * COMMIT_SHARE)
            self.pool.drop(names)
            self._leave(self._group.membership, began + timeout)
        self.facts.become(SupervisorState.STOPPED)
        log.info("stopped", undrained=len(undrained), committed=committed, seconds=round(monotonic() - began, 3))
        return ExitCode.OK if committed and not undrained else ExitCode.UNDRAINED

    def _leave(self, membership: Membership, deadline: float) -> None:
        left = in_background(membership.close)
        try:
            left.result(max(0.1, deadline - monotonic()))
        except TimeoutError:
            # All is committed: the group gives the partitions away when the session ends.
            log.warning("group_not_left", consequence="the group notices when the session times out")


def _texts(names: Sequence[TopicPartition]) -> list[str]:
    return [str(name) for name in sorted(names)]
