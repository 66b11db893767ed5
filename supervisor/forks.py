"""The supervisor's side of the fork server: its life, and the requests to it."""

import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Mapping

from workers.errors import ConfigInvalid
from workers.protocol import Channel, Fork, FromForkServer, MessageTooLong, Setup, channel_pair
from workers.slot import SlotTable


class ForkServer:
    """One fork server process; a new object for each that is started.

    Args:
        setup: what all workers share.
        slots_fd: the shared memory's descriptor.
        table: the same memory, mapped.
        selector: gets the server's channel; `on_message` is called with each message, and with None at its death.
    """

    def __init__(
        self,
        setup: Setup,
        slots_fd: int,
        table: SlotTable,
        selector: selectors.BaseSelector,
        on_message: Callable[[FromForkServer | None], None],
    ) -> None:
        ours, theirs = channel_pair()
        self._channel: Channel[FromForkServer] = Channel(ours, FromForkServer)
        try:
            self._channel.send(setup)
        except MessageTooLong as error:
            ours.close()
            theirs.close()
            raise ConfigInvalid(_too_long(setup.settings.kafka, error)) from error
        command = [sys.executable, "-m", "supervisor.fork_server"]
        numbers = [theirs.fileno(), slots_fd, table.slots, os.getpid()]
        for fd in numbers[:2]:
            os.set_inheritable(fd, True)
        self.pid = os.posix_spawn(
            sys.executable,
            [*command, *map(str, numbers)],
            os.environ,
            # Out of reach of the terminal's Ctrl-C, which would end what a handler has started, and of its input.
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            setpgroup=0,
        )
        theirs.close()
        self._pidfd = os.pidfd_open(self.pid)
        self._selector = selector
        self._on_message = on_message
        selector.register(self._channel, selectors.EVENT_READ, self._receive)

    def fork(self, job: Fork, channel: socket.socket, crash_fd: int) -> None:
        """Ask for a worker; `Forked` or `ForkFailed` follows. The descriptors are the worker's ends."""
        self._channel.send(job, [channel.fileno(), crash_fd])

    def kill(self) -> None:
        """End it, and thereby all its workers, at once; it is gone when this returns."""
        try:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            return

    def silence(self) -> None:
        """Listen to it no longer: its channel has ended."""
        self._selector.unregister(self._channel)

    def close(self) -> None:
        """Forget a server that is dead and silenced."""
        self._channel.close()
        os.close(self._pidfd)

    def _receive(self) -> None:
        self._on_message(self._channel.receive())


def _too_long(kafka: Mapping[str, object], error: MessageTooLong) -> str:
    longest = max(kafka, key=lambda name: len(str(kafka[name])), default="none")
    return (
        f"the settings take {error}; of librdkafka's the longest is {longest}: name a certificate's file in place of"
        " its text (ssl.ca.location and its like)"
    )
