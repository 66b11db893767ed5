"""Which records of a retry topic are this group's: two groups may share one, as dots in names are part of its own.

Topic `orders` of group `eu.billing` and topic `orders.eu` of group `billing` both wait in `orders.eu.billing.retry.1m`.
"""

from collections.abc import Sequence

from confluent_kafka import Message

from workers.origin import origin_of
from workers.replay import Own, is_for, without
from workers.tiers import prefix_of


def own_delayed(
    messages: list[Message], positions: Sequence[int], *, topic: str, group: str, any_replay: bool
) -> Own | None:
    """Leave out what waits for other groups or of other topics; None where there is nothing to leave out.

    Args:
        messages: as polled from a retry topic, in offset order; not empty.
        positions: for each of them the position once it is handled.
        topic: the input topic that it belongs to.
        group: the consumer group of this pool.
        any_replay: whether also what was replayed for other groups is to be handled.
    """
    kept = [one for one in messages if _is_own(one, topic, group) and (any_replay or is_for(one, group))]
    return without(messages, positions, kept)


def _is_own(message: Message, topic: str, group: str) -> bool:
    """Whether a record was first read from `topic` by `group`, or was written here by no pool."""
    origin = origin_of(message, delayed=True)
    # What no pool has written is its own origin, and is told as such by the next retry topic.
    mine = origin.topic == topic or origin.topic.startswith(prefix_of(topic, group))
    return mine and origin.group in (None, group)
