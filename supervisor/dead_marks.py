"""What has become of dead letters, kept where it changes with what was sent: in the offsets of consumer groups.

Each filter that letters were replayed or dropped by has a group of its own. Its committed offsets say how far it came,
and the metadata beside them which letters below were meant. So a run resumes where the last one ended, and passes over
what another filter has dealt with.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from supervisor.dead_filter import Filter
from supervisor.dead_letter import Letter
from workers.errors import ConfigInvalid

_TOPIC_DIGITS: Final = 8
_MARK_DIGITS: Final = 12
_MARK_BYTES: Final = 4000
"""The longest mark that brokers keep beside an offset (`offset.metadata.max.bytes`, less a little)."""


class Action(StrEnum):
    """How a letter can be dealt with."""

    REPLAY = "replay"
    DROP = "drop"


class Mark(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which letters one group's offsets speak of, and what was done to them."""

    topic: str
    topic_id: str
    """The broker's: a topic that is made anew begins anew."""
    action: Action
    filter: Filter
    to: str | None = None
    """The topic that they were replayed to; None: each to where it came from."""

    def encoded(self) -> str:
        """As it is stored beside an offset.

        Raises:
            ConfigInvalid: the filter is too long for that.
        """
        encoded = msgspec.json.encode(self)
        if len(encoded) > _MARK_BYTES:
            raise ConfigInvalid(
                f"this filter takes {len(encoded):,} bytes, and {_MARK_BYTES:,} can be stored: shorten it"
            )
        return encoded.decode()

    def group(self, owner: str) -> str:
        """The consumer group that keeps it, among those of group `owner`."""
        return (
            f"{owner}.{self.action.value}.{_of_topic(self.topic, self.topic_id)}{_hash(self.encoded(), _MARK_DIGITS)}"
        )

    def takes(self, letter: Letter) -> bool:
        """Whether this deals with the letter."""
        return self.filter.matches(letter) and (self.action is Action.DROP or letter.obstacle is None)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one mark's group came: the letters below `positions`, by partition, are dealt with if the mark's."""

    mark: Mark
    positions: Mapping[int, int]

    def covers(self, letter: Letter) -> bool:
        """Whether it has dealt with the letter."""
        return letter.offset < self.positions.get(letter.partition, 0) and self.mark.takes(letter)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What has been dealt with in one dead-letter topic, by whatever filter."""

    entries: Sequence[Progress] = field(default=())

    def dealt(self, letter: Letter, to: str | None = None) -> bool:
        """Whether a letter was dropped, or replayed to topic `to` (None: to where it came from)."""
        return any(
            entry.covers(letter) for entry in self.entries if entry.mark.action is Action.DROP or entry.mark.to == to
        )

    def positions(self, mark: Mark) -> dict[int, int]:
        """How far one mark's group came, by partition."""
        return next((dict(entry.positions) for entry in self.entries if entry.mark == mark), {})

    def fate(self, letter: Letter) -> str:
        """What has become of a letter, in words; empty where nothing has. A copy elsewhere leaves it open."""
        fates = {_fate(entry.mark) for entry in self.entries if entry.covers(letter)}
        return ", ".join(sorted(fates))


def may_hold_mark(group: str, topic: str, topic_id: str) -> bool:
    """Whether a consumer group's name is that of a mark's for this topic, whoever's it is."""
    actions = "|".join(action.value for action in Action)
    return re.fullmatch(rf".+\.({actions})\.{_of_topic(topic, topic_id)}[0-9a-f]{{{_MARK_DIGITS}}}", group) is not None


def decode(metadata: str | None) -> Mark | None:
    """The mark that stands beside an offset; None where something else does."""
    try:
        return msgspec.json.decode(metadata or "", type=Mark)
    except msgspec.DecodeError:
        return None


def _of_topic(topic: str, topic_id: str) -> str:
    return _hash(f"{topic} {topic_id}", _TOPIC_DIGITS)


def _hash(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def _fate(mark: Mark) -> str:
    if mark.action is Action.DROP:
        return "dropped"
    return "replayed" if mark.to is None else f"replayed to {mark.to}"
