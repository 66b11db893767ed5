"""The states of a partition and of the supervisor, with the transitions that are legal.

A partition, from its assignment until it is given back:

    RESOLVING ──► WAITING ──► STARTING ──► RUNNING ──► DRAINING ──► STOPPED
        ▲          ▲   ▲          │         │   │          ▲
        │          │   └──── RECYCLING ◄────│───┘          │
        │          ├─── BACKING_OFF ◄───────┤              │
        │          └───── FENCED ◄──────────┤              │
        └────────────── out of range ◄──────┘       (from every state)

- RESOLVING: its start offset is asked for.
- WAITING: it has one, and waits for a place below `max_workers`.
- STARTING: its worker is forked, and has not said that it reads.
- RUNNING: its worker reads.
- BACKING_OFF: its worker died, and the next one is due after a while.
- FENCED: its worker was fenced, and the next one waits for a new proof of membership.
- RECYCLING: its worker drains to be replaced at once, having taken too much memory or its share of records; should it
  die of something else first, that is a death like any other (BACKING_OFF, FENCED, RESOLVING).
- DRAINING: its worker finishes the record in hand and flushes; there is none after it.
- STOPPED: no process works on it any more.
- LOST (from every state): the group has given it away. Its worker is killed, and nothing of it is committed.

The supervisor:

    STARTING ──► JOINING ──► RUNNING ──► DRAINING ──► STOPPED
                    ▲           │
                    └── lost ◄──┘      (DRAINING and STOPPED from every state)
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class IllegalTransition(AssertionError):
    """A bug: a state followed that cannot follow."""


class PartitionState(StrEnum):
    RESOLVING = "resolving"
    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing_off"
    FENCED = "fenced"
    RECYCLING = "recycling"
    DRAINING = "draining"
    STOPPED = "stopped"
    LOST = "lost"

    def to(self, state: "PartitionState") -> "PartitionState":
        """`state`, where it may follow this one.

        Raises:
            IllegalTransition: it may not.
        """
        if state not in _PARTITION[self]:
            raise IllegalTransition(f"a partition cannot go from {self} to {state}")
        return state


class SupervisorState(StrEnum):
    STARTING = "starting"
    JOINING = "joining"
    RUNNING = "running"
    DRAINING = "draining"
    STOPPED = "stopped"

    def to(self, state: "SupervisorState") -> "SupervisorState":
        """`state`, where it may follow this one.

        Raises:
            IllegalTransition: it may not.
        """
        if state not in _SUPERVISOR[self]:
            raise IllegalTransition(f"a supervisor cannot go from {self} to {state}")
        return state


_P = PartitionState
_S = SupervisorState

_PARTITION: Final[Mapping[PartitionState, frozenset[PartitionState]]] = {
    _P.RESOLVING: frozenset({_P.WAITING, _P.STOPPED, _P.LOST}),
    _P.WAITING: frozenset({_P.STARTING, _P.STOPPED, _P.LOST}),
    _P.STARTING: frozenset({_P.RUNNING, _P.BACKING_OFF, _P.FENCED, _P.RESOLVING, _P.DRAINING, _P.LOST}),
    _P.RUNNING: frozenset({_P.RECYCLING, _P.BACKING_OFF, _P.FENCED, _P.RESOLVING, _P.DRAINING, _P.LOST}),
    _P.RECYCLING: frozenset({_P.WAITING, _P.BACKING_OFF, _P.FENCED, _P.RESOLVING, _P.DRAINING, _P.LOST}),
    _P.BACKING_OFF: frozenset({_P.WAITING, _P.STOPPED, _P.LOST}),
    _P.FENCED: frozenset({_P.WAITING, _P.STOPPED, _P.LOST}),
    _P.DRAINING: frozenset({_P.STOPPED, _P.LOST}),
    _P.STOPPED: frozenset({_P.LOST}),
    _P.LOST: frozenset(),
}

_SUPERVISOR: Final[Mapping[SupervisorState, frozenset[SupervisorState]]] = {
    _S.STARTING: frozenset({_S.JOINING, _S.DRAINING, _S.STOPPED}),
    _S.JOINING: frozenset({_S.RUNNING, _S.DRAINING, _S.STOPPED}),
    _S.RUNNING: frozenset({_S.JOINING, _S.DRAINING, _S.STOPPED}),
    _S.DRAINING: frozenset({_S.STOPPED}),
    _S.STOPPED: frozenset(),
}
