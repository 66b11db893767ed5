"""A TCP proxy on loopback whose connections a test may cut, slow down and stall."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_CHUNK: Final = 65_536
_START_SECONDS: Final = 10.0


class Proxy:
    """Passes connections to `port` on to `target`, both on 127.0.0.1.

    Args:
        port: where it listens.
        target: where it connects to; while nobody listens there, connections are closed at once.
    """

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.target = target
        self._delay = 0.0
        self._open: set[asyncio.StreamWriter] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flowing = asyncio.Event()
        self._closing = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"proxy-{port}", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises:
            RuntimeError: the port is taken.
        """
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise RuntimeError(f"the proxy on port {self.port} did not start: is the port taken?")

    def cut(self) -> None:
        """Reset all present connections."""
        self._call(self._abort)

    def delay(self, seconds: float) -> None:
        """Hold each chunk of up to 64 KiB back for so long, in both directions; 0: no more."""
        self._delay = seconds

    def stall(self) -> None:
        """Let nothing through, and say nothing: connections stay, new ones are accepted."""
        self._call(self._flowing.clear)

    def flow(self) -> None:
        """End a delay or a stall."""
        self._delay = 0.0
        self._call(self._flowing.set)

    def close(self) -> None:
        """End all connections and listen no more."""
        if self._thread.is_alive():
            self._call(self._closing.set)
            self._thread.join()

    def _call(self, function: Callable[[], None]) -> None:
        assert self._loop is not None, "the proxy is not started"
        self._loop.call_soon_threadsafe(function)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._flowing.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self._ready.set()
        await self._closing.wait()
        server.close()
        self._abort()

    def _abort(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            broker, to_broker = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            to_client.transport.abort()
            return
        both = {to_client, to_broker}
        self._open |= both
        try:
            await asyncio.gather(self._pass(client, to_broker), self._pass(broker, to_client))
        finally:
            self._open -= both

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(_CHUNK):
                await asyncio.sleep(self._delay)
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
        # An end on one side is one on the other, too; Kafka knows no half-open connections.
        sink.transport.abort()
