"""The dead-letter topic that a command is about, and whose letters there."""

from collections.abc import Mapping
from dataclasses import dataclass

from workers.agent import Agent
from workers.app import App
from workers.errors import PoolError
from workers.loading import load_app
from workers.settings import Settings
from workers.tiers import base_of, prefix_of


class TopicUnknown(PoolError):
    """There is no dead-letter topic to work through: nothing is read or changed."""


@dataclass(frozen=True, slots=True)
class DeadTopic:
    """A dead-letter topic.

    Attributes:
        group: the consumer group whose letters are meant; None: the settings name none.
    """

    name: str
    partitions: int
    group: str | None


def find_topic(settings: Settings, topic: str, counts: Mapping[str, int]) -> DeadTopic:
    """What TOPIC means: for an input topic of the app, or of the group, its dead-letter topic; else the topic itself.

    A retry topic stands for the dead-letter topic behind it. Its records look like letters, but wait for their turn.

    Args:
        settings: name the app or the group, if anything does.
        topic: as given.
        counts: the partition counts of the topics that are there.

    Raises:
        AppInvalid: the app cannot be loaded.
        TopicUnknown: it is not there, or its agent has no dead letters.
    """
    app = None if settings.app is None else load_app(settings.app, group=settings.group)
    group = settings.group if app is None else app.group
    name = _name(app, group, topic, counts)
    if name not in counts:
        raise TopicUnknown(
            f"there is no topic {name}, or no right to see it; give the dead-letter topic, or an input topic"
            " with --group NAME, or with MODULE:APP behind it"
        )
    return DeadTopic(name, counts[name], group)


def _name(app: App | None, group: str | None, topic: str, counts: Mapping[str, int]) -> str:
    if app is not None and (agent := _agent(app, topic)) is not None:
        if agent.dead_letter is None:
            raise TopicUnknown(f"the agent of {topic} has dead_letter=None: what fails there stops its partition")
        return agent.dead_letter
    of_group = f"{topic}.{group}.dead"
    if group is not None and of_group in counts:
        return of_group
    base = base_of(topic)
    return topic if base is None else f"{base}.dead"


def _agent(app: App, topic: str) -> Agent | None:
    """The agent that reads an input topic, or the retry topics behind it, also those of delays that it has no more."""
    retried = (agent for agent in app.agents.values() if topic.startswith(prefix_of(agent.topic, app.group)))
    return app.agents.get(topic) or next(retried, None)
