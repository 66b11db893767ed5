"""The dead-letter topic that a command is about, and whose letters there."""

from collections.abc import Mapping
from dataclasses import dataclass

from workers.app import App
from workers.errors import PoolError
from workers.loading import load_app
from workers.settings import Settings


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
    if app is not None and topic in app.agents:
        letters = app.agents[topic].dead_letter
        if letters is None:
            raise TopicUnknown(f"the agent of {topic} has dead_letter=None: what fails there stops its partition")
        return letters
    of_group = f"{topic}.{group}.dead"
    return of_group if group is not None and of_group in counts else topic
