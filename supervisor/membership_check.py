"""Asks the group itself whether this member still is one, where no commit can tell."""

from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import Final, NamedTuple, Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription

from supervisor.lease import Lease
from supervisor.membership import Identity
from workers.log import log

RETRY_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 10.0
"""How long an answer is waited for before it is asked again."""
MOST_ASKED: Final = 6
"""So many questions are under way at most."""
REQUEST_SECONDS: Final = 3600.0
"""How long a question stands. librdkafka 2.16 aborts the whole process (`eonce->refcnt > 0`) when a coordinator comes
back of which an admin request has asked that has timed out meanwhile: so it does not, in any outage but the longest."""


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
        self._questions: list[Question] = []
        self._not_before = 0.0

    def turn(self, *, wanted: bool) -> None:
        """Take answers that have come; ask where `wanted`, if nobody was asked a moment ago."""
        for question in [question for question in self._questions if question.answer.done()]:
            self._questions.remove(question)
            self._take(question)
        if not wanted or monotonic() < self._not_before or len(self._questions) >= MOST_ASKED:
            return
        identity = self._identity()
        if identity.joined and identity.member_id is not None:
            if self._questions:
                log.warning("membership_unproved", reason="the group's coordinator does not answer; it is asked again")
            asked = self._admin.describe_consumer_groups([self._group], request_timeout=REQUEST_SECONDS)
            self._questions.append(Question(monotonic(), identity.member_id, asked[self._group]))
            self._not_before = monotonic() + PATIENCE_SECONDS

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
