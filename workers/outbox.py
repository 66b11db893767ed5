"""Results on their way from a handler to the sink, no faster than the lease and the sink's room allow."""

from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic, monotonic_ns
from typing import Any, Final, NamedTuple

from confluent_kafka import Message

from workers.agent import Agent
from workers.control import Control
from workers.endings import LeaseLost, Rewind
from workers.errors import ResultRefused
from workers.outputs import READERS, headers_of, one, partition_of, topic_of
from workers.queues import HELD, Most
from workers.records import UNSET, Output
from workers.replay import REPLAY_GROUP
from workers.sink import Parcel, Refusal, Sink
from workers.slot import BEAT, RESULTS

PAUSE: Final = 0.05
"""Seconds between two looks at what is waited for: the lease, room in the queue, acknowledgements."""

LINGER: Final = 0.005
"""Seconds for which results wait for company where there is no backlog."""

PUSH: Final = 0.001
"""Seconds for the client to notice that it is to send at once, and not linger."""


class Attempted(NamedTuple):
    """On whose behalf a result is sent that was not the first attempt's."""

    message: Message
    attempts: int


class Outbox:
    """Encodes results and hands them to the sink.

    Args:
        agent: whose results they are.
        sink: where they go.
        words: the worker's slot.
        control: what may stop the task.
        atomic: whether a record's results become visible together or not at all: what was sent of them when one is
            refused has to be taken back. They are sent when they are to be committed.
        most: how much may be held back; then the worker waits.
        linger: seconds for which results wait for company where there is no backlog; None: the client knows.
    """

    def __init__(
        self,
        agent: Agent,
        sink: Sink,
        words: memoryview,
        control: Control,
        *,
        atomic: bool = False,
        most: Most = HELD,
        linger: float | None = None,
    ) -> None:
        self._most = most
        self._atomic = atomic
        self._linger = None if atomic else linger
        self._pushed = 0
        """Results that were sent when they were last pushed."""
        self._push_at = 0.0
        """When those sent since are to be, on the monotonic clock."""
        self._agent = agent
        self._encode = agent.encode
        self._topic = agent.output
        self._sink = sink
        self._words = words
        self._control = control
        self._held: deque[tuple[Parcel, Any]] | None = None
        self._held_bytes = 0
        # What belongs to a transaction nobody sees before the group has taken this worker for a member's.
        self._may_send = _always if atomic else control.leased
        self.prove: Callable[[], None] = _nothing
        """Proves membership, where only this worker can, while it waits for the lease."""
        self.meanwhile: Callable[[], None] = _nothing
        """Called again and again while records are not read."""
        self.sent = 0
        """Results that are on their way."""

    def send_result(self, result: Any, message: Message) -> None:
        """Send what a handler returned for a record, with the record's key.

        Raises:
            WorkerMustEnd: nothing can be sent any more.
            Exception: this result cannot be sent.
        """
        topic, key = self._topic, message.key()
        if topic is None or READERS[type(result)] is not one:
            self.send(self._agent.outputs(result), key, message)
            return
        # What most results are: the same as above, without its Output and lists.
        value = self._encode(result)
        if self._held is not None or not (self._may_send() and self._sink.send_value(topic, value, key, message)):
            self.accept(Parcel(topic, value, key), message)
        self.sent += 1

    def send(self, outputs: Iterable[Output], key: bytes | None, origin: Any) -> None:
        """Encode all outputs, then hand them to the sink: of what cannot be sent as it is, nothing is.

        Args:
            outputs: what a handler's result stands for.
            key: for outputs that name none.
            origin: comes back where the brokers refuse one of them: a Message, Attempted, or a batch as a list.

        Raises:
            as `send_result`.
        """
        parcels = [self._parcel(output, key) for output in outputs]
        for number, parcel in enumerate(parcels):
            try:
                self.accept(parcel, origin)
            except ResultRefused as refused:
                if number and self._atomic:
                    raise Rewind("a record's results were sent in part", origin, refused) from refused
                raise
        self.sent += len(parcels)

    def accept(self, parcel: Parcel, origin: Any) -> None:
        """Have the sink accept one message, waiting for the lease and for room, or hold it back.

        Raises:
            LeaseLost: it may no longer be sent.
            SinkFailed: nothing can be sent any more.
            ResultRefused: this message can never be written.
        """
        while True:
            if not self._may_send() and not self.may_go_on():
                raise LeaseLost("drained while a result waited for the lease; its record will be read again")
            if self._keep(parcel, origin) if self._held is not None else self._sink.send(parcel, origin):
                self._pushed = -1  # letters are not counted
                return
            self.wait()

    def patience(self) -> float | None:
        """Seconds that results may still wait for company; None where none does."""
        if self._linger is None or self._pushed == self.sent:
            return None
        return max(0.0, self._push_at - monotonic())

    def push(self) -> None:
        """There is no backlog: send what has waited for long enough, and do not let it linger.

        Raises:
            SinkFailed: something is lost.
        """
        if self.patience() == 0:
            self._sink.wait(PUSH)
            self._pushed, self._push_at = self.sent, monotonic() + (self._linger or 0)

    @property
    def holding(self) -> bool:
        """Whether what is sent now is held back."""
        return self._held is not None

    def hold(self) -> None:
        """Hold back what is sent from now on, so that `settled` tells of what was sent before; hurry that along.

        Raises:
            SinkFailed: something is lost.
        """
        self._held, self._held_bytes = deque(), 0
        self._sink.wait(PUSH)

    def release(self) -> None:
        """Hand the sink what was held back, as far as the lease and its room allow; what is not stays held."""
        while self._held and self._control.leased():
            parcel, origin = self._held[0]
            try:
                if not self._sink.send(parcel, origin):
                    return
            except ResultRefused as refused:
                self._sink.refusals.append(Refusal(origin, refused))
            self._held.popleft()
        self._held = self._held or None
        self._pushed = -1

    def _keep(self, parcel: Parcel, origin: Any) -> bool:
        """Hold a message back; False where too much is held already."""
        assert self._held is not None
        if len(self._held) >= self._most.records or self._held_bytes >= self._most.size:
            return False
        self._held.append((parcel, origin))
        self._held_bytes += len(parcel.value or b"") + (len(origin) if isinstance(origin, Message) else 0)
        return True

    def may_go_on(self) -> bool:
        """Wait for the lease, and meanwhile prove membership; False where a drain comes, or has come.

        Raises:
            LeaseLost: results are unsent that may no longer be.
        """
        control = self._control
        while not control.draining and not control.leased():
            self.prove()
            self.end_if_overdue()
            self.meanwhile()
            control.wait(PAUSE)
        return not control.draining

    def serve(self) -> None:
        """Nothing is wanted of the clients: hear what they have to say, or it would fill their memory.

        Raises:
            SinkFailed: something is lost.
        """
        self.meanwhile()
        if not self._atomic:  # or proofs of membership see to it
            self._sink.pending()

    def settled(self) -> bool:
        """Whether all that the sink was given is acknowledged, as far as can be told without waiting.

        Raises:
            SinkFailed: something is lost.
        """
        if self._control.leased():
            self._sink.send_suspects()
        return self._sink.pending() == 0 and not self._sink.refusals

    def refused(self) -> bool:
        """Whether the brokers have refused something that `take_refusals` has not taken yet."""
        return bool(self._sink.refusals)

    def wait(self) -> int:
        """Wait a moment for acknowledgements, giving a sign of life; how many are still missing.

        Raises:
            SinkFailed: something is lost.
            LeaseLost: results are unsent that may no longer be.
        """
        self._words[BEAT] = monotonic_ns()
        self._words[RESULTS] = self._pushed = self.sent
        self.meanwhile()
        if self._held is not None:
            self.release()
        pending = self._sink.wait(PAUSE) + len(self._held or ())
        if pending:
            self.end_if_overdue()
        return pending

    def take_refusals(self) -> list[Refusal]:
        """What the brokers have refused since the last call."""
        refusals, self._sink.refusals = self._sink.refusals, []
        return refusals

    def end_if_overdue(self) -> None:
        """See to it that nothing is sent long after the lease's end.

        Raises:
            LeaseLost: something would be: whenever the client can, be it minutes later and beside the next owner's.
        """
        if not self._atomic and self._control.overdue() and (pending := self._sink.pending() + len(self._held or ())):
            raise LeaseLost(f"{pending} results were unsent when the lease ended; their records will be read again")

    def _parcel(self, output: Output, key: bytes | None) -> Parcel:
        topic = self._topic if output.topic is None else topic_of(output)
        if topic is None:
            raise ResultRefused(
                f"a result of {self._agent.name} has no topic: give the agent output=, or return Output(…, topic=)"
            )
        if output.key is not UNSET:
            key = self._agent.encode_key(output.key)
        # A record's headers may be passed on, but no result is for one group alone.
        headers = [(name, value) for name, value in headers_of(output) if name != REPLAY_GROUP]
        return Parcel(topic, self._agent.encode(output.value), key, headers or None, partition_of(output))


def _always() -> bool:
    return True


def _nothing() -> None:
    """What proves membership where the supervisor does, and what is done meanwhile where nobody has said."""
