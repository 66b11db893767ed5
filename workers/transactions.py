"""Exactly once: results, dead letters and the position in one transaction, by a member of the group (KIP-447)."""

from collections.abc import Sequence
from contextlib import suppress
from time import monotonic_ns
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from workers.care import Care
from workers.control import Control
from workers.endings import Fenced, Rewind, SinkFailed
from workers.group_metadata import proves_membership
from workers.log import log
from workers.offsets import Offsets, Settle
from workers.outbox import PAUSE, Outbox
from workers.refusals import condemned_by, last_offset, records_of
from workers.sink import Refusal
from workers.slot import ABORTS, AWAITS, BEAT, COMMITTABLE, END, POSITION, PROVED
from workers.transactional_sink import TakenBack, TransactionalSink

PAUSE_COMMITS: Final = 3
"""How many times as long as a commit takes the next one has to wait, so that no worker mostly commits."""
LONGEST_PAUSE_NS: Final = 1_000_000_000
BACKLOG_INTERVALS: Final = 5
"""How many intervals a transaction may last where there is a backlog, unless that is longer than the longest pause."""
BACKLOG_RECORDS: Final = 1000
"""More that wait are a backlog, if they are more than the transaction holds."""
SMOOTH: Final = 8
"""Commits over which their time is averaged."""
RELIEF_NS: Final = 1_000_000_000
"""How long a transaction may wait for the record in hand before it is committed without it."""

_STALE: Final = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.REBALANCE_IN_PROGRESS,
    }
)


class MembershipStale(Rewind):
    """The group did not take the supervisor's proof: it has a newer one, or is a member no more.

    Args:
        why: what the coordinator said.
        metadata: the proof that was not taken.
    """

    def __init__(self, why: str, metadata: bytes) -> None:
        super().__init__(why)
        self.metadata = metadata


class TransactionalOffsets(Offsets):
    """Makes a position committable by committing it, with all results below it, in one transaction.

    Args:
        outbox: what was sent.
        sink: the same, as a transaction.
        words: the worker's slot.
        control: knows the supervisor's proof of membership.
        care: learns which records to handle one by one after an abort.
        interval: seconds from one transaction to the next under load.
        records: after how many records, where that is sooner; None: any number.
        proof_interval: seconds after which a transaction proves membership, if nothing else has.
    """

    def __init__(
        self,
        outbox: Outbox,
        sink: TransactionalSink,
        words: memoryview,
        control: Control,
        care: Care,
        *,
        interval: float,
        records: int | None = None,
        proof_interval: float,
    ) -> None:
        super().__init__(outbox, words, interval)
        self._sink = sink
        self._control = control
        self._care = care
        self._records = records
        self._proof_interval_ns = int(proof_interval * 1e9)
        self._took = 0.0
        """Nanoseconds of a commit, of late."""
        self._vain = 0
        """How many transactions in a row were aborted for a reason that nothing could be learnt from."""
        control.at_ticks(self.relieve)
        outbox.prove = self.prove

    def report(self, settle: Settle, *, idle: bool) -> None:
        """Commit when it is time to, or when there is nothing better to do.

        Raises:
            as `flush`.
        """
        if not self.behind:
            self.prove()
        elif self._due(idle=idle):
            self.flush(settle)

    def flush(self, settle: Settle) -> None:  # noqa: ARG002 refusals spoil the transaction
        """Commit the position, and with it the results and dead letters of the records below.

        Raises:
            Rewind: it cannot be; `rewind` takes it back.
            Fenced: another worker has taken over, or the transaction was open for too long.
        """
        with self._sink.held():
            began = monotonic_ns()
            with suppress(SinkFailed):  # it is told again
                self._sink.wait(0)
            self._commit(self._safe())
            self._count(began)

    def prove(self) -> None:
        """When nothing was committed for a while: commit the position as it is, to prove membership.

        Raises:
            as `flush`.
        """
        if monotonic_ns() - self._words[PROVED] >= self._proof_interval_ns:
            self.flush(_no_refusals)

    def relieve(self) -> None:
        """Commit what a slow record keeps waiting, from beside the worker's loop, which is inside of its handler.

        An open transaction would hide from readers also what others have written behind it, and end by its timeout.
        What fails here fails again in the loop, which knows what to do about it.
        """
        if not self._overdue() or not self._sink.lock.acquire(blocking=False):
            return
        try:
            self._sink.beside = self._look_beside
            position = self._reached()
            # Of the record in hand nothing may be sent yet; while the lock is held, nothing will be.
            unsent = self._overdue() and last_offset(self._sink.latest) < position
            if unsent and not self._sink.wait(PAUSE) and self._sink.spoilt is None:
                self._commit(position)
        except (Rewind, SinkFailed, Fenced) as failed:
            log.debug("transaction_not_relieved", reason=str(failed))
        finally:
            self._sink.beside = None
            self._sink.lock.release()

    def rewind(self, cause: Rewind) -> None:
        """Abort, and learn from it: a record that was refused is not handled again.

        Raises:
            Fenced: another worker has taken over, or the transaction was open for too long.
            SinkFailed: that was in vain before, or is now; another attempt has to wait.
        """
        self._words[ABORTS] += 1
        with self._sink.held():
            why = str(cause)
            metadata = self._control.metadata()
            if cause.error is None and not isinstance(cause, MembershipStale) and proves_membership(metadata):
                why = self._sink.trouble(self._words[COMMITTABLE], metadata) or why
            log.warning("transaction_aborted", reason=why, offset=self._words[COMMITTABLE])
            try:
                taken_back = self._sink.abort()
            except SinkFailed as failed:
                # Brokers may take an abort amiss where they refused all that belonged to it.
                raise SinkFailed(f"{why}; nor could it be aborted: {failed}") from cause
        if isinstance(cause, MembershipStale):
            self._await_membership(cause.metadata)
            return
        if self._learn(cause, taken_back):
            self._vain = 0
            return
        self._vain += 1
        if self._vain > 1:
            raise SinkFailed(f"the transaction is aborted again and again: {why}") from cause

    def _due(self, *, idle: bool) -> bool:
        """Whether to commit: by time, by count, or because results wait and there is nothing more to read."""
        words, since = self._words, monotonic_ns() - self._flushed_at
        # A slow broker gets fewer transactions, not more and more: what comes meanwhile shares the next one.
        pause = min(PAUSE_COMMITS * self._took, LONGEST_PAUSE_NS)
        interval, held = self._flush_interval_ns, words[POSITION] - words[COMMITTABLE]
        if words[END] - words[POSITION] > max(held, BACKLOG_RECORDS):
            # More waits than it holds: nobody waits for the one result, and each transaction costs the brokers as much.
            interval = max(interval, min(BACKLOG_INTERVALS * interval, LONGEST_PAUSE_NS))
        if since >= max(interval, pause):
            return True
        if self._records is not None and held >= self._records:
            return True
        if self._sink.opened_at is None:
            return False  # nobody waits for the position
        return idle or (words[POSITION] >= words[END] and since >= pause)

    def _reached(self) -> int:
        """The record in hand, or what else nothing is done of at or above."""
        in_hand = self._control.in_hand()
        return self._safe() if in_hand is None or self._cap is not None else in_hand

    def _look_beside(self) -> None:
        """Before a call beside the loop; a sign of life only where the loop waits, or it would be the handler's."""
        self._control.look()
        if self._words[AWAITS]:
            self._words[BEAT] = monotonic_ns()

    def _overdue(self) -> bool:
        opened_at = self._sink.opened_at
        return opened_at is not None and monotonic_ns() - opened_at > RELIEF_NS

    def _commit(self, position: int) -> None:
        """Offer the position while results are on their way, and commit when they have arrived."""
        metadata, sent_at = self._control.metadata(), monotonic_ns()
        if not proves_membership(metadata):
            # Brokers would take it unchecked, whoever owns the partition.
            raise MembershipStale("the supervisor has not proved its membership", metadata)
        try:
            self._sink.offer(position, metadata)
            while self._pending():
                # To offer it again is what tells of a transaction that has failed: its messages never arrive.
                self._sink.offer(position, metadata)
            self._sink.commit()
        except KafkaException as raised:
            error: KafkaError = raised.args[0]
            if error.code() in _STALE:
                raise MembershipStale(error.str(), metadata) from raised
            raise Rewind(error.str()) from raised
        self._vain = 0
        self._words[PROVED] = sent_at
        self._words[COMMITTABLE] = position
        self._care.forget(position)
        self._flushed_at = monotonic_ns()
        self._took += (self._flushed_at - sent_at - self._took) / SMOOTH

    def _pending(self) -> int:
        """How many messages the brokers do not have after a moment; one that they refuse spoils its transaction."""
        try:
            pending = self._outbox.wait() if self._sink.beside is None else self._sink.wait(PAUSE)
        except SinkFailed as failed:
            raise Rewind(str(failed)) from failed
        if self._sink.spoilt:
            raise Rewind(f"a result was refused: {self._sink.spoilt}")
        return pending

    def _await_membership(self, metadata: bytes) -> None:
        """The group has moved on: the supervisor's new proof is on its way here, or else this worker's end."""
        while self._control.metadata() == metadata and not self._control.draining:
            self._outbox.meanwhile()
            self._control.wait(PAUSE)

    def _learn(self, cause: Rewind, taken_back: TakenBack) -> bool:
        """Condemn the records that were refused, and isolate those that may have been; whether there are any."""
        refused = list(taken_back.refused)
        if cause.error is not None:
            refused.append(Refusal(cause.origin, cause.error))
        suspected = list(records_of(taken_back.suspected))
        for refusal in refused:
            condemned = condemned_by(refusal)
            if condemned is not None:
                self._care.condemn(*condemned)
            else:
                suspected.extend(records_of([refusal]))
        for offset, refusal in suspected:
            # Beside others it may be refused for what is theirs.
            condemned = condemned_by(refusal) if self._care.alone(offset) else None
            if condemned is not None:
                self._care.condemn(*condemned)
            else:
                self._care.isolate(offset)
        return bool(refused or suspected)


def _no_refusals(refusals: Sequence[Refusal]) -> None:
    """Refusals spoil the transaction, and are dealt with when it is taken back."""
