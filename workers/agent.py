"""One agent: a user's handler with all that is needed to feed it a partition's messages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from confluent_kafka import Message

from workers.codec import Codec, encode_text
from workers.errors import DecodeFailed, RecordRefused
from workers.outputs import outputs
from workers.records import Output, Record
from workers.retry import Retry
from workers.tiers import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A handler and how its records are read, tried again and written. `App.agent` makes them, checked."""

    name: str
    topic: str
    output: str | None
    """Where results go that name no topic; None: nowhere, so such a result is its record's failure."""
    handler: Callable[..., Any]
    wants_record: bool
    """Whether the handler takes a Record (or, in batches, a list of them) as its second argument."""
    batch: int | None
    """The most records that the handler takes at once; None: it takes one, and not as a list."""
    retries: Retry
    dead_letter: str | None
    """The dead-letter topic; None: a record that fails for good is fatal to the worker."""
    codec: Codec
    """How values are written, in and out."""
    type_name: str
    """The declared type of values, for people."""
    takes_null: bool
    """Whether a tombstone is a value of that type."""
    decode_raw: Callable[[Any], Any]
    """Decodes a value that is not null, in C; raises what the codec raises."""
    decode_key: Callable[[bytes], Any]
    """Decodes a key that is not null; raises DecodeFailed."""
    encode: Callable[[Any], bytes | None]
    """Encodes a result's value; raises EncodeFailed."""
    tiers: tuple[Tier, ...] = ()
    """The retry topics through which a failed record passes, one after the other, before it is given up."""
    delay: int = 0
    """Seconds that each record waits before its turn; above 0 where `topic` is a retry topic itself."""
    behind: str | None = None
    """The input topic of whose records a retry topic holds those that wait; None where `topic` is no retry topic."""

    def call(self, message: Message) -> Any:
        """Decode and handle one message with care; a batch handler gets a list of one.

        Raises:
            DecodeFailed: the value is not of the declared type.
            Exception: whatever the handler raises.
        """
        if self.batch is not None:
            return self.call_batch([message])
        value = self.decode(message.value())
        if self.wants_record:
            return self.handler(value, Record(message, value, self.decode_key))
        return self.handler(value)

    def call_batch(self, messages: Sequence[Message]) -> Any:
        """Decode all messages and hand them to the batch handler at once.

        Raises:
            DecodeFailed: one of the values is not of the declared type; the handler has seen none.
            Exception: whatever the handler raises.
        """
        try:
            values = list(map(self.decode_raw, map(Message.value, messages)))
        except Exception:  # noqa: BLE001 whatever it was, decoding one by one raises it again under its name
            # A tombstone, or a value that is wrong: the slow way knows which.
            values = [self.decode(message.value()) for message in messages]
        if self.wants_record:
            return self.handler(values, list(map(Record, messages, values, repeat(self.decode_key))))
        return self.handler(values)

    def decode(self, value: bytes | None) -> Any:
        """The value as the handler gets it.

        Raises:
            DecodeFailed: it is not of the declared type, or null where that type does not take None.
        """
        if value is None:
            if self.takes_null:
                return None
            raise DecodeFailed(
                f"the value is null (a tombstone), which value={self.type_name} does not allow: "
                f"declare value={self.type_name} | None to be given None"
            )
        try:
            return self.decode_raw(value)
        except BaseException as error:
            raise DecodeFailed(f"the value is not what value={self.type_name} declares: {error}") from error

    def cause(self, message: Message, error: Exception) -> Exception:
        """What made `message` fail with `error`: a DecodeFailed where its value is at fault, however it was handled."""
        if isinstance(error, RecordRefused):
            return error
        try:
            self.decode(message.value())
        except DecodeFailed as failure:
            return failure
        return error

    def outputs(self, result: Any) -> Sequence[Output]:
        """What a result of the handler stands for; a handler that is a generator runs here.

        Raises:
            ResultRefused: the result is nothing that can be produced.
            Exception: whatever the handler raises while its iterator runs.
        """
        return outputs(result)

    def encode_key(self, key: Any) -> bytes | None:
        """A key that an Output names: None, bytes as they are, `str` as UTF-8, anything else in the codec.

        Raises:
            EncodeFailed: it cannot be written.
        """
        return encode_text(key) if isinstance(key, str) else self.encode(key)
