"""Asks the group itself whether this member still is one, where no commit can tell."""

from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import Final, NamedTuple, Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription

from supervisor.background import in_background
from supervisor.lease import Lease
from supervisor.membership import Identity
from workers.log import log

ASK_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 0.5


class Check(Protocol):
    """What can prove membership without a commit."""

    def turn(self, *, wanted: bool) -> None:
        """Go on with what was asked; ask where `wanted`."""


class Question(NamedTuple):
    """What is being asked."""

    at: float
    member_id: str
    answer: "Future[ConsumerGroupDescription]"


class MembershipCheck:
    """Proves membership by the coordinator's list of members.

    A commit would prove it, too, but not harmlessly: it could set back what a fenced worker's last transaction, whose
    end is still under way, has committed.

    Args:
        admin: a client.
        group: the consumer group.
        identity: who this member is now.
        lease: hears of each proof.
    """

    def __init__(self, admin: AdminClient, group: str, identity: Callable[[], Identity], lease: Lease) -> None:
        self._admin = admin
        self._group = group
        self._identity = identity
        self._lease = lease
        self._question: Question | None = None
        self._not_before = 0.0

    def turn(self, *, wanted: bool) -> None:
        """Take an answer that has come; ask, in the background, where `wanted` and nothing is being asked."""
        if self._question is not None:
            if self._question.answer.done():
                self._take(self._question)
                self._question = None
        elif wanted and monotonic() >= self._not_before:
            identity = self._identity()
            if identity.joined and identity.member_id is not None:
                self._question = Question(monotonic(), identity.member_id, in_background(self._describe))

    def _describe(self) -> ConsumerGroupDescription:
        asked = self._admin.describe_consumer_groups([self._group], request_timeout=ASK_SECONDS)
        answer: ConsumerGroupDescription = asked[self._group].result()
        return answer

    def _take(self, question: Question) -> None:
        self._not_before = monotonic() + RETRY_SECONDS
        try:
            members = question.answer.result().members
        except KafkaException as error:
            log.warning("membership_unproved", reason=error.args[0].str(), retry_in=RETRY_SECONDS)
            return
        if question.member_id in {member.member_id for member in members}:
            log.info("membership_proved", member=question.member_id)
            self._lease.proved(question.at)
        else:
            # The group is about to tell it to this member's client, too.
            log.warning("membership_unproved", reason="the group does not know this member", retry_in=RETRY_SECONDS)
