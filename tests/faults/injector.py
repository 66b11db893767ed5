"""Injects the planned faults, and takes them back in time."""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, Signals
from typing import Final, TypeVar

from tests.faults.fleet import MOST, Fleet, Member
from tests.faults.load import Load
from tests.faults.plan import Fault, Planned
from tests.faults.records import DEADLY, Deed
from tests.faults.timetable import Timetable
from tests.support.cluster import Cluster, Node

T = TypeVar("T")
Say = Callable[..., None]

_LONGEST_DELAY: Final = 0.3
_QUEUE_DELAY: Final = 0.2
"""Seconds by which acknowledgements are late while output queues are to fill."""
_BURST_SECONDS: Final = 3
"""Seconds of load that are sent at once, to fill output queues."""
_ERRORS: Final = (Deed.FLAKY, Deed.FLAKY, Deed.FAIL) * 5


class Injector:
    """What the faults are done to, and how.

    Args:
        cluster: the brokers and their proxies.
        fleet: the supervisors.
        load: what records are asked through.
        timetable: takes what ends a fault.
        say: told of each fault, with its facts as keywords.
    """

    def __init__(self, cluster: Cluster, fleet: Fleet, load: Load, timetable: Timetable, say: Say) -> None:
        self.injected: Counter[Fault] = Counter()
        self._cluster = cluster
        self._fleet = fleet
        self._load = load
        self._timetable = timetable
        self._say = say
        self._deeds: Mapping[Fault, Callable[[Planned], None]] = {
            Fault.KILL_WORKER: self._kill_worker,
            Fault.FREEZE_WORKER: self._freeze_worker,
            Fault.KILL_FORK_SERVER: self._kill_fork_server,
            Fault.KILL_SUPERVISOR: self._kill_supervisor,
            Fault.FREEZE_SUPERVISOR: partial(self._freeze, whole=False),
            Fault.FREEZE_POOL: partial(self._freeze, whole=True),
            Fault.ADD_SUPERVISOR: self._add,
            Fault.REMOVE_SUPERVISOR: self._remove,
            Fault.RESTART_BROKER: partial(self._end_broker, number=SIGTERM),
            Fault.KILL_BROKER: partial(self._end_broker, number=SIGKILL),
            Fault.CUT_CONNECTIONS: self._cut,
            Fault.DELAY_CONNECTIONS: self._delay,
            Fault.STALL_CONNECTIONS: self._stall,
            Fault.FULL_QUEUE: self._fill_queues,
            Fault.HANDLER_ERRORS: self._fail_handlers,
            Fault.KILLER_RECORDS: self._send_killer,
        }

    def inject(self, planned: Planned) -> None:
        """Do what is planned, or say that there is nothing to do it to."""
        self._deeds[planned.fault](planned)

    def start(self, why: str) -> None:
        """Start a supervisor, unless there are as many as there may be."""
        if len(self._fleet.present) < MOST:
            self._say("start_supervisor", supervisor=self._fleet.start().number, why=why)

    # Processes.

    def _kill_worker(self, planned: Planned) -> None:
        if (found := self._worker(planned)) is not None:
            member, pid = found
            self._done(planned, supervisor=member.number, pid=pid)
            _kill(pid, SIGKILL)

    def _freeze_worker(self, planned: Planned) -> None:
        if (found := self._worker(planned)) is not None:
            member, pid = found
            self._done(planned, supervisor=member.number, pid=pid)
            _kill(pid, SIGSTOP)
            self._later(planned, partial(_kill, pid, SIGCONT), "thaw_worker", pid=pid)

    def _kill_fork_server(self, planned: Planned) -> None:
        if (member := self._member(planned)) is not None and (servers := member.fork_servers()):
            self._done(planned, supervisor=member.number, pid=servers[0])
            _kill(servers[0], SIGKILL)

    def _kill_supervisor(self, planned: Planned) -> None:
        if (member := self._member(planned)) is not None:
            self._done(planned, supervisor=member.number)
            self._fleet.kill(member)
            self._timetable.after(planned.seconds, partial(self.start, "in place of a killed one"))

    def _freeze(self, planned: Planned, *, whole: bool) -> None:
        if (member := self._member(planned)) is not None:
            self._done(planned, supervisor=member.number)
            self._fleet.freeze(member, whole=whole)
            self._later(planned, partial(self._fleet.thaw, member), "thaw", supervisor=member.number)

    def _add(self, planned: Planned) -> None:
        if len(self._fleet.present) < MOST:
            self._done(planned)
            self.start("added")
        else:
            self._remove(planned)

    def _remove(self, planned: Planned) -> None:
        if (member := self._member(planned)) is not None:
            self._done(planned, removed=member.number)
            self._fleet.remove(member)
            if not self._fleet.present:
                self.start("in place of the last one")

    # Brokers and connections.

    def _end_broker(self, planned: Planned, *, number: Signals) -> None:
        nodes = self._cluster.nodes
        if not all(node.running for node in nodes):
            self._skip(planned, "a broker is away already")
            return
        node = _chosen(nodes, planned)
        self._done(planned, broker=node.number)
        node.signal(number)
        self._later(planned, node.launch, "start_broker", broker=node.number)

    def _cut(self, planned: Planned) -> None:
        node = self._node(planned)
        self._done(planned, broker=node.number)
        node.proxy.cut()

    def _delay(self, planned: Planned) -> None:
        node = self._node(planned)
        delay = round(_LONGEST_DELAY * planned.choice, 3)
        self._done(planned, broker=node.number, each=delay)
        node.proxy.delay(delay)
        self._later(planned, node.proxy.flow, "delay_ends", broker=node.number)

    def _stall(self, planned: Planned) -> None:
        node = self._node(planned)
        self._done(planned, broker=node.number)
        node.proxy.stall()
        self._later(planned, node.proxy.flow, "stall_ends", broker=node.number)

    def _fill_queues(self, planned: Planned) -> None:
        records = self._load.rate * _BURST_SECONDS
        self._done(planned, burst=records)
        for node in self._cluster.nodes:
            node.proxy.delay(_QUEUE_DELAY)
            self._later(planned, node.proxy.flow, "delay_ends", broker=node.number)
        self._load.burst(records)

    # Records.

    def _fail_handlers(self, planned: Planned) -> None:
        self._done(planned, records=len(_ERRORS))
        self._load.ask(*_ERRORS)

    def _send_killer(self, planned: Planned) -> None:
        deed = _chosen(DEADLY, planned)
        self._done(planned, deed=deed.value)
        self._load.ask(deed)

    # Choosing and telling.

    def _member(self, planned: Planned) -> Member | None:
        if not self._fleet.up:
            self._skip(planned, "no supervisor is up")
            return None
        return _chosen(self._fleet.up, planned)

    def _worker(self, planned: Planned) -> tuple[Member, int] | None:
        workers = [(member, pid) for member in self._fleet.up for pid in member.workers()]
        if not workers:
            self._skip(planned, "there is no worker")
            return None
        return _chosen(workers, planned)

    def _node(self, planned: Planned) -> Node:
        return _chosen(self._cluster.nodes, planned)

    def _done(self, planned: Planned, **facts: object) -> None:
        self.injected[planned.fault] += 1
        lasting = {"seconds": round(planned.seconds, 2)} if planned.seconds else {}
        self._say(planned.fault.value, **facts, **lasting)

    def _skip(self, planned: Planned, why: str) -> None:
        self._say("skipped", fault=planned.fault.value, why=why)

    def _later(self, planned: Planned, action: Callable[[], None], name: str, **facts: object) -> None:
        def act() -> None:
            self._say(name, **facts)
            action()

        self._timetable.after(planned.seconds, act)


def _chosen(among: Sequence[T], planned: Planned) -> T:
    return among[int(planned.choice * len(among))]


def _kill(pid: int, number: Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
