"""The proxy passes bytes on, and cuts, delays and stalls when told."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.process import free_port
from tests.support.proxy import Proxy

Echo = tuple[Proxy, socket.socket]


@pytest.fixture
def echo() -> Iterator[Echo]:
    """A proxy before an echo server, and a connection through it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        proxy = Proxy(free_port(), server.getsockname()[1])
        proxy.start()
        threading.Thread(target=_echo, args=(server,), daemon=True).start()
        with closing(socket.create_connection(("127.0.0.1", proxy.port), timeout=5)) as client:
            yield proxy, client
        proxy.close()


def _echo(server: socket.socket) -> None:
    connection, _ = server.accept()
    with closing(connection):
        while data := connection.recv(1024):
            connection.sendall(data)


def test_bytes_pass(echo: Echo) -> None:
    _, client = echo
    client.sendall(b"there")
    assert client.recv(100) == b"there"


def test_a_cut_ends_connections(echo: Echo) -> None:
    proxy, client = echo
    client.sendall(b"there")
    client.recv(100)
    proxy.cut()
    assert client.recv(100) == b""


def test_a_delay_holds_both_directions_back(echo: Echo) -> None:
    proxy, client = echo
    proxy.delay(0.1)
    began = time.monotonic()
    client.sendall(b"late")
    assert client.recv(100) == b"late"
    assert time.monotonic() - began >= 0.2


def test_a_stall_loses_nothing(echo: Echo) -> None:
    proxy, client = echo
    client.sendall(b"there")
    client.recv(100)
    proxy.stall()
    client.settimeout(0.2)
    client.sendall(b"kept")
    with pytest.raises(TimeoutError):
        client.recv(100)
    client.settimeout(5)
    proxy.flow()
    assert client.recv(100) == b"kept"
