"""What the member says of itself, and what ends it for good; it joins no group here."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError

from supervisor.membership import CommitAnswer, GroupRefused, Identity, Membership
from workers.group_metadata import generation_of
from workers.records import TopicPartition


class Owner:
    """Is told nothing: there is no broker."""

    def on_assign(self, names: Sequence[TopicPartition]) -> None:
        raise AssertionError(names)

    on_revoke = on_lost = on_assign


def unexpected(answer: CommitAnswer) -> None:
    raise AssertionError(answer)


@pytest.fixture
def member() -> Iterator[Membership]:
    made = Membership({"bootstrap.servers": "127.0.0.1:1"}, "group", Owner(), unexpected)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        (KafkaError.FENCED_INSTANCE_ID, "give each its own"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, "allow this user"),
        (KafkaError.INCONSISTENT_GROUP_PROTOCOL, "another protocol or assignor"),
    ],
)
def test_a_refusal_for_good_has_its_cure(member: Membership, code: int, cure: str) -> None:
    with pytest.raises(GroupRefused, match=cure):
        member._take(KafkaError(code))


def test_any_other_error_is_waited_out(member: Membership) -> None:
    member._take(KafkaError(KafkaError._MAX_POLL_EXCEEDED))
    member._take(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    member.poll()
    assert not member.identity().joined


def test_a_wrong_secret_ends_who_never_joined(member: Membership) -> None:
    member._on_error(KafkaError(KafkaError._AUTHENTICATION))
    with pytest.raises(GroupRefused, match=r"sasl\.username"):
        member.poll()


def test_a_wrong_secret_is_waited_out_by_a_member_without_a_partition(
    member: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        consumer = SimpleNamespace(memberid=lambda: "m", consumer_group_metadata=lambda: b"")
        patched.setattr(member, "_consumer", consumer)
        patched.setattr("supervisor.membership.generation_of", lambda _: 1)
        assert member.identity().joined
    member._on_error(KafkaError(KafkaError._AUTHENTICATION))
    member.poll()


def test_identity() -> None:
    assert generation_of(b"") == -1
    assert Identity("m", 1).joined
    assert not Identity("m", 0).joined
    assert not Identity(None, 3).joined
