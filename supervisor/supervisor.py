"""The supervisor: it keeps one worker for each partition that the group assigns, and commits for them all."""

import os
import selectors
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Final, NamedTuple

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from supervisor.app_host import AppHost
from supervisor.background import in_background
from supervisor.budget import MemoryBudget
from supervisor.client_settings import taken_settings
from supervisor.commits import Commits
from supervisor.departure import HURRY_SECONDS, Cause, Departure, Limits
from supervisor.lease import Lease
from supervisor.limits import WorkerLimits
from supervisor.membership import CommitAnswer, GroupRefused, Membership
from supervisor.membership_check import MembershipCheck
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
from supervisor.worker_commits import WorkerCommits
from workers import kafka
from workers.errors import ExitCode, PoolError
from workers.guarantee import Guarantee
from workers.loading import Declaration
from workers.log import add_facts, log
from workers.protocol import Setup
from workers.records import TopicPartition
from workers.settings import GroupProtocol, Settings
from workers.slot import SLOT_BYTES, SlotTable

TURN_SECONDS: Final = 0.05
HURRIED_TURN_SECONDS: Final = 0.01
"""While partitions leave or wait for the lease, of which only polling tells."""


class DataLost(PoolError):
    """The log has deleted records before they were handled, and `on_data_loss` says to stop."""


class GroupWork(NamedTuple):
    """What deals with the group, from when the app is imported."""

    topics: TopicWatch
    membership: Membership
    resolver: Resolver
    commits: Commits | WorkerCommits


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
            limits=WorkerLimits.of(settings),
            budget=MemoryBudget(settings.memory_budget) if settings.memory_budget else None,
            counter=self.counters,
            users=users,
        )
        self.facts = Facts(settings.protocol, self.pool)
        self._lease = Lease(settings.lease_seconds, by_commit=settings.protocol is GroupProtocol.CONSUMER)
        self._group: GroupWork | None = None
        self._departures: list[Departure] = []
        self._left_behind = False
        """Whether anything was left undrained or uncommitted while stopping."""
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
            return self._stop()
        except GroupRefused:
            raise
        except PoolError as error:
            if self.facts.state is SupervisorState.DRAINING:
                raise
            # What is done stays done, and the group need not wait for the session's end.
            log.critical("stopping", reason=str(error))
            self._stop()
            raise
        finally:
            # However this ends, no worker outlives it.
            self._host.kill()

    def _turn(self) -> None:
        """One turn of the loop; nothing in it waits for a broker."""
        self._hear()
        self._host.turn()
        if self._group:
            self._group.resolver.turn()
            if self.facts.identity.joined:
                self._lease.turn()
                self._group.commits.turn()
            self._take_part(self._group)
            self._depart(self._group)
        self.pool.reconcile(self._lease.deadline_ns, self._lease.proved_at)

    def _hear(self) -> None:
        """Wait a moment for signals, workers and the fork server, and heed what they say."""
        hurried = self._departures or (self.pool.partitions and not self._lease.held())
        for key, _ in self._selector.select(HURRIED_TURN_SECONDS if hurried else TURN_SECONDS):
            # What was handled just before may have closed it.
            if self._selector.get_map().get(key.fd) is key:
                key.data()
        self.facts.turned_at = monotonic()

    def _take_part(self, group: GroupWork) -> None:
        """Subscribe when topics are ready, let the group's callbacks run, and note who we are to it."""
        facts = self.facts
        if facts.state is not SupervisorState.DRAINING and group.topics.turn():
            self.pool.largest_message = dict(group.topics.inputs)
            group.membership.subscribe(sorted(group.topics.inputs))
            if facts.state is SupervisorState.STARTING:
                facts.become(SupervisorState.JOINING)
        self.pool.known_partitions = group.topics.partitions
        group.membership.poll()
        facts.identity = group.membership.identity()
        self._tell_workers(group)
        if facts.identity.joined and facts.state is SupervisorState.JOINING:
            facts.become(SupervisorState.RUNNING)

    def _tell_workers(self, group: GroupWork) -> None:
        """Where workers commit, they do it as this member: they must know its generation."""
        if isinstance(group.commits, WorkerCommits) and self.facts.identity.joined:
            metadata = group.membership.metadata()
            if metadata != self.pool.metadata:
                self.pool.tell(metadata)

    def _depart(self, group: GroupWork) -> None:
        """Go on with what is on its way out; what has arrived there is given back to the group."""
        for departure in list(self._departures):
            if self._signals.stops > 1:
                departure.hurry()
            if not departure.turn():
                continue
            self._departures.remove(departure)
            self.pool.drop(departure.names)
            if departure.cause is not Cause.STOPPING:
                group.membership.give_back(departure.partitions)
                self._report(departure)
            if self.facts.state is SupervisorState.DRAINING:
                self._left_behind |= not departure.complete

    def _on_loaded(self, app: Declaration) -> None:
        """The app is imported: now the group is known."""
        self.facts.group = app.group
        add_facts(group=app.group)
        settings = self._settings
        with taken_settings():
            admin = AdminClient(kafka.admin(settings.client("admin")))
            membership = Membership(settings.client("supervisor"), app.group, self, self._on_commit)
            reader = Consumer(kafka.offset_reader(settings.client("consumer"), app.group))
        topics = TopicWatch(admin, app, settings.create)
        # What came while the group was there is not for `start` to pass over. (Who writes retries is the group itself,
        # and no look at the topics counts them.)
        resolver = Resolver(admin, reader, settings.start, topics.gained, self.pool.partitions, self._on_start)
        commits: Commits | WorkerCommits
        if (settings.guarantee or app.guarantee) == Guarantee.EXACTLY_ONCE:
            check = MembershipCheck(admin, app.group, membership.identity, self._lease)
            commits = WorkerCommits(self.pool.partitions, self._lease, check)
        else:
            commits = Commits(
                membership, self.pool.partitions, self._lease, settings.commit_interval, counter=self.counters
            )
        self._group = GroupWork(topics, membership, resolver, commits)

    # What the group tells, through Membership and its like.

    def on_assign(self, names: Sequence[TopicPartition]) -> None:
        if self.facts.state is SupervisorState.DRAINING:
            return  # they stay paused until the group is left
        assert self._group is not None
        self._group.commits.rejoined()
        self._group.topics.recount()
        # A static member is given what it had, also of topics that its app no longer reads.
        known = [name for name in names if name.topic in self._group.topics.reads]
        if unread := set(names) - set(known):
            log.warning(
                "partitions_unread",
                partitions=_texts(unread),
                cause="the app does not read their topics, which this static member had before",
                cure="end it for longer than session.timeout.ms, and start it again",
            )
        self.pool.assign(known)
        self.counters.rebalanced(Rebalance.ASSIGNED, 0.0)
        log.info("partitions_assigned", moved=_texts(known), owned=len(self.pool.partitions))

    def on_revoke(self, names: Sequence[TopicPartition]) -> None:
        """Drain them; the group waits."""
        assert self._group is not None
        self._tell_workers(self._group)
        self._group.topics.recount()
        self._begin(Cause.REVOKED, names)

    def on_lost(self, names: Sequence[TopicPartition]) -> None:
        """Somebody else may own them by now: nothing of them is committed, and their workers end at once."""
        self._lease.lost()
        if self._group:
            self._group.topics.recount()
        if self.facts.state is SupervisorState.RUNNING:
            self.facts.become(SupervisorState.JOINING)
        self._begin(Cause.LOST, names)

    def _begin(self, cause: Cause, names: Sequence[TopicPartition]) -> None:
        assert self._group is not None
        limits = Limits.of(monotonic(), self._settings.drain_timeout)
        departure = Departure(cause, names, limits, self.pool, self._group.commits, self._host.replace)
        self._departures.append(departure)

    def _report(self, departure: Departure) -> None:
        seconds = monotonic() - departure.began
        facts = {
            "moved": _texts(departure.partitions),
            "owned": len(self.pool.partitions),
            "seconds": round(seconds, 3),
        }
        if departure.cause is Cause.LOST:
            self.counters.rebalanced(Rebalance.LOST, seconds)
            log.warning("partitions_lost", **facts)
        else:
            self.counters.rebalanced(Rebalance.REVOKED, seconds)
            log.info("partitions_revoked", **facts, undrained=len(departure.undrained))

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

    def _stop(self) -> ExitCode:
        """Drain all, commit, leave the group: each with a share of `drain_timeout`, so that it ends in time."""
        began, timeout = monotonic(), self._settings.drain_timeout
        limits = Limits.of(began, timeout)
        self.facts.become(SupervisorState.DRAINING)
        self._host.retire()
        log.info("draining", partitions=len(self.pool.partitions), timeout=timeout)
        for departure in self._departures:
            departure.limit(limits)
        if self._group:
            self._begin(Cause.STOPPING, list(self.pool.partitions))
            while self._departures and monotonic() < began + timeout:
                self._turn()
            self._leave(self._group.membership, began + timeout)
        complete = not self._departures and not self._left_behind
        self.facts.become(SupervisorState.STOPPED)
        log.info("stopped", complete=complete, seconds=round(monotonic() - began, 3))
        return ExitCode.OK if complete else ExitCode.UNDRAINED

    def _leave(self, membership: Membership, deadline: float) -> None:
        left = in_background(membership.close)
        while not left.done() and monotonic() < deadline:
            if self._signals.stops > 1:
                deadline = min(deadline, monotonic() + HURRY_SECONDS)
            self._hear()
        if not left.done() or left.exception() is not None:
            # All is committed: the group gives the partitions away when the session ends.
            log.warning("group_not_left", consequence="the group notices when the session times out")


def _texts(names: Iterable[TopicPartition]) -> list[str]:
    return [str(name) for name in sorted(names)]
