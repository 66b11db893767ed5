"""An agent as it handles the records of its retry topics: the same handler, which sees them as it did at first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from workers.agent import Agent
from workers.origin import original
from workers.records import Record


def delayed_agents(agent: Agent) -> Iterator[Agent]:
    """One agent for each retry topic; what fails there goes to the next one, and from the last to the dead letters."""
    handler = agent.handler
    if agent.wants_record:
        handler = _batch_as_at_first(handler) if agent.batch else _as_at_first(handler)
    for number, tier in enumerate(agent.tiers):
        later = agent.tiers[number + 1 :]
        yield replace(agent, topic=tier.topic, delay=tier.seconds, behind=agent.topic, tiers=later, handler=handler)


def _as_at_first(handler: Callable[[Any, Record], Any]) -> Callable[[Any, Record], Any]:
    return lambda value, record: handler(value, record.read_as(original))


def _batch_as_at_first(handler: Callable[[Any, list[Record]], Any]) -> Callable[[Any, Sequence[Record]], Any]:
    return lambda values, records: handler(values, [record.read_as(original) for record in records])
