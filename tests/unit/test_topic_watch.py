"""Which partitions are new to the group: those that came, and all of a topic that was deleted and made anew."""

from collections.abc import Callable
from typing import Any

import pytest

from supervisor import topic_watch
from supervisor.topic_watch import TopicWatch
from supervisor.topics import TopicsReady
from tests.support.wait import wait_for
from workers import App
from workers.loading import declaration
from workers.records import TopicPartition


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], TopicWatch]:
    """Looks at topic `in`, which has so many partitions, and goes on to look at the same watch each time."""
    app = App("group")
    app.agent("in", value=bytes)(lambda _: None)
    there: dict[str, int] = {}
    monkeypatch.setattr(
        topic_watch,
        "prepare",
        lambda *_: TopicsReady({"in": 1_000_000}, dict(there), (), (), (), sum(there.values())),
    )
    monkeypatch.setattr(topic_watch, "counts", lambda _: dict(there))
    made: list[TopicWatch] = []

    def look(count: int | None) -> TopicWatch:
        there.clear()
        if count is not None:
            there["in"] = count
        if not made:
            nobody: Any = None
            made.append(TopicWatch(nobody, declaration(app), None))
            wait_for(made[0].turn, 10, every=0.01)
        else:
            made[0].recount()
            wait_for(lambda: made[0].turn() or made[0].partitions == (count or 0), 10, every=0.01)
        return made[0]

    return look


def gained(watch: TopicWatch) -> list[int]:
    return [number for number in range(6) if watch.gained(TopicPartition("in", number))]


def test_what_a_topic_gains_is_new(watch: Callable[[int | None], TopicWatch]) -> None:
    assert gained(watch(4)) == [4, 5]
    assert gained(watch(6)) == [4, 5]


def test_of_a_topic_that_was_gone_all_is_new(watch: Callable[[int | None], TopicWatch]) -> None:
    watch(4)
    watch(None)
    assert gained(watch(4)) == [0, 1, 2, 3, 4, 5]
