"""A member keeps what is revoked until it gives it back, and its commits are answered meanwhile."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from time import monotonic

import pytest

from supervisor.membership import CommitAnswer, Membership
from tests.support.broker import Broker
from tests.support.pool import PROTOCOLS
from tests.support.topics import Topics
from tests.support.wait import wait_for
from workers.records import TopicPartition


class Owner:
    """A member, and what it was told."""

    def __init__(self, bootstrap: str, group: str, topic: str, protocol: str) -> None:
        self.owned: set[TopicPartition] = set()
        self.revoked: Sequence[TopicPartition] = ()
        self.answers: list[CommitAnswer] = []
        self.failure: Exception | None = None
        classic = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 200}
        user = {
            "bootstrap.servers": bootstrap,
            "group.protocol": protocol,
            **(classic if protocol == "classic" else {}),
        }
        self.membership = Membership(user, group, self, self._on_commit)
        self.membership.subscribe([topic])

    def on_assign(self, names: Sequence[TopicPartition]) -> None:
        self.owned |= set(names)

    def on_revoke(self, names: Sequence[TopicPartition]) -> None:
        self.revoked = names

    def on_lost(self, names: Sequence[TopicPartition]) -> None:
        raise AssertionError(f"lost: {names}")

    def give_back(self) -> None:
        """What was revoked is done."""
        self.owned -= set(self.revoked)
        self.membership.give_back(self.revoked)

    def _on_commit(self, answer: CommitAnswer) -> None:
        if self.failure:
            raise self.failure
        self.answers.append(answer)


def poll(condition: Callable[[], object], *owners: Owner, within: float = 20.0) -> None:
    """Poll these members until the condition is true."""

    def polled() -> object:
        for owner in owners:
            owner.membership.poll()
        return condition()

    wait_for(polled, within, lambda: f"owned: {[owner.owned for owner in owners]}")


Join = Callable[[], Owner]


@pytest.fixture(params=PROTOCOLS)
def join(broker: Broker, request: pytest.FixtureRequest) -> Iterator[Join]:
    topic, group = Topics(broker.bootstrap).create("in", 4), f"group-{uuid.uuid4().hex[:10]}"
    owners: list[Owner] = []

    def made() -> Owner:
        owners.append(Owner(broker.bootstrap, group, topic, request.param))
        return owners[-1]

    yield made
    for owner in owners:
        owner.membership.close()


def test_what_is_revoked_stays_until_it_is_given_back(join: Join) -> None:
    first = join()
    assert not first.membership.identity().joined
    poll(lambda: len(first.owned) == 4, first)
    assert first.membership.identity().joined
    second = join()
    poll(lambda: first.revoked, first, second)
    until = monotonic() + 1.0
    poll(lambda: monotonic() > until, first, second)
    assert second.owned == set(), "the group waits"
    offsets = dict.fromkeys(first.revoked, 0)
    first.membership.commit(offsets)
    poll(lambda: first.answers, first, second)
    assert first.answers == [CommitAnswer(offsets, {})]
    first.give_back()
    poll(lambda: second.owned == set(first.revoked), first, second)
    assert len(first.owned) == 2


def test_who_leaves_with_a_revoke_under_way_leaves_all(join: Join) -> None:
    first = join()
    poll(lambda: len(first.owned) == 4, first)
    second = join()
    poll(lambda: first.revoked, first, second)
    first.membership.close()
    poll(lambda: len(second.owned) == 4, second)


def test_what_a_callback_raises_comes_out_of_poll(join: Join) -> None:
    owner = join()
    poll(lambda: len(owner.owned) == 4, owner)
    owner.failure = RuntimeError("a bug")
    owner.membership.commit(dict.fromkeys(owner.owned, 0))
    with pytest.raises(RuntimeError, match="a bug"):
        poll(lambda: False, owner)
    owner.failure = None
