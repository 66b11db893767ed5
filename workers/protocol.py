"""What the supervisor, the fork server and the workers say to each other, as MessagePack on Unix sockets.

One packet is one message (`SOCK_SEQPACKET`); a peer that died shows as the end of the stream.
"""

import socket
from typing import Final, Generic, TypeVar

import msgspec

from workers.endings import WorkerExit
from workers.errors import PoolError
from workers.loading import Declaration
from workers.settings import Settings

PACKET_BYTES: Final = 128 * 1024
"""The longest message; far below a Unix socket's default buffer of 208 KiB, so that a send never blocks for long."""


MOST_TEXT: Final = 16_000
"""Characters of an error that travel to the supervisor."""


class MessageTooLong(PoolError):
    """A message does not fit into a packet; it is not sent."""


class Setup(msgspec.Struct, frozen=True, tag=True):
    """First message to the fork server: what all its workers share."""

    app: str
    settings: Settings
    metrics_dir: str


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """The app is imported; `warnings` are worth a log line each."""

    declaration: Declaration
    warnings: tuple[str, ...] = ()


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The app cannot be imported, or is wrong: what to tell the user."""

    message: str


class Killer(msgspec.Struct, frozen=True):
    """What a record did to the workers that had it in hand."""

    cause: str
    """Of the last one's death, in words."""
    deaths: int
    stacks: str = ""
    """What the last one wrote while crashing."""


class Fork(msgspec.Struct, frozen=True, tag=True):
    """Fork a worker for one partition. Its end of the channel and its crash file come along as descriptors."""

    worker: int
    """The incarnation's number, never used twice by one supervisor."""
    topic: str
    partition: int
    start: int
    slot: int
    max_message_bytes: int
    """The largest record that the topic takes."""
    room: int | None = None
    """Bytes that its queues may hold; None: what their defaults allow."""
    careful_until: int = 0
    """Below this position records are handled one by one: one of them may have killed the worker before."""
    alone_until: int = 0
    """Below this position each record has a transaction of its own: beside one of them, others would time out."""
    condemned: dict[int, Killer] = {}
    """Records that have killed too many workers, by their offset."""
    metadata: bytes = b""
    """For transactions: the supervisor's proof of membership."""


class Forked(msgspec.Struct, frozen=True, tag=True):
    worker: int
    pid: int


class ForkFailed(msgspec.Struct, frozen=True, tag=True):
    worker: int
    message: str


class Exited(msgspec.Struct, frozen=True, tag=True):
    """A worker is dead and reaped: the raw wait status."""

    pid: int
    status: int


class Drain(msgspec.Struct, frozen=True, tag=True):
    """To a worker: finish the record in hand, flush, report, end."""

    metadata: bytes = b""
    """For the last transaction, where it differs from what was told before; none follows."""


class Metadata(msgspec.Struct, frozen=True, tag=True):
    """To a worker: the supervisor's proof of membership has changed."""

    metadata: bytes


class Ready(msgspec.Struct, frozen=True, tag=True):
    """From a worker: its hooks have run, and it reads."""


class Ended(msgspec.Struct, frozen=True, tag=True):
    """From a worker: it ends by its own decision."""

    reason: WorkerExit
    message: str = ""

    @classmethod
    def told(cls, reason: WorkerExit, text: str) -> "Ended":
        """With the end of a text of whatever length and characters."""
        return cls(reason, text[-MOST_TEXT:].encode(errors="backslashreplace").decode())


ToForkServer = Setup | Fork
FromForkServer = Loaded | Refused | Forked | ForkFailed | Exited
ToWorker = Drain | Metadata
FromWorker = Ready | Ended
Message = ToForkServer | FromForkServer | ToWorker | FromWorker

_encode = msgspec.msgpack.Encoder().encode

Incoming = TypeVar("Incoming")


class Channel(Generic[Incoming]):
    """One end of a packet socket that speaks this protocol.

    Args:
        sock: a connected `SOCK_SEQPACKET` socket; the channel closes it.
        incoming: the union of messages that the other end may send.
    """

    def __init__(self, sock: socket.socket, incoming: object) -> None:
        self._socket = sock
        self._decode = msgspec.msgpack.Decoder(incoming).decode

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: Message, fds: list[int] | None = None) -> bool:
        """Send one message; False where the other end is gone.

        Raises:
            MessageTooLong: it is longer than a packet.
        """
        packet = _encode(message)
        if len(packet) > PACKET_BYTES:
            raise MessageTooLong(f"{len(packet):,} bytes, and {PACKET_BYTES:,} can be told")
        try:
            if fds:
                socket.send_fds(self._socket, [packet], fds)
            else:
                self._socket.send(packet)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def receive(self) -> Incoming | None:
        """Wait for one message; None at the end of the stream."""
        message, _ = self.receive_with_fds(0)
        return message

    def receive_with_fds(self, most: int) -> tuple[Incoming | None, list[int]]:
        """Wait for one message and up to `most` descriptors that came along."""
        try:
            packet, fds, _, _ = socket.recv_fds(self._socket, PACKET_BYTES, most)
        except ConnectionResetError:
            return None, []
        return (self._decode(packet) if packet else None), fds

    def close(self) -> None:
        self._socket.close()


def channel_pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
