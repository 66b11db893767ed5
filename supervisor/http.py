"""What a supervisor serves over HTTP: `/metrics`, `/livez`, `/readyz` and `/status`."""

import socket
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Final, NamedTuple, Protocol
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.registry import Collector
from waitress import create_server, wasyncore  # type: ignore[import-untyped]  # it has no types

from supervisor.status import PoolStatus
from workers.errors import ConfigInvalid
from workers.log import log

_TEXT: Final = "text/plain; charset=utf-8"
_READING: Final = ("GET", "HEAD")
_CLOSE_SECONDS: Final = 2.0
_TURN_SECONDS: Final = 5.0
_MAX_PORT: Final = 65535


class Health(Protocol):
    """Whether the supervisor is well, in one word and in a sentence that says why."""

    def alive(self) -> tuple[bool, str]: ...

    def ready(self) -> tuple[bool, str]: ...


class Answer(NamedTuple):
    status: str
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Application:
    """The pages, as a WSGI application; asked from several threads at once.

    Args:
        health: answers `/livez` and `/readyz`.
        status: gives the document at `/status`.
        metrics: gives what is at `/metrics`.
    """

    def __init__(self, health: Health, status: Callable[[], PoolStatus], metrics: Collector) -> None:
        registry = CollectorRegistry()
        registry.register(metrics)
        self._metrics: WSGIApplication = make_wsgi_app(registry)
        self._pages: dict[str, Callable[[], Answer]] = {
            "/livez": lambda: _verdict(*health.alive()),
            "/readyz": lambda: _verdict(*health.ready()),
            "/status": lambda: Answer("200 OK", "application/json", status().to_json()),
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        try:
            if path == "/metrics" and method in _READING:
                # Its filter by name needs collectors that tell their names beforehand.
                metrics = self._metrics({**environ, "REQUEST_METHOD": "GET", "QUERY_STRING": ""}, start_response)
                return metrics if method == "GET" else []
            answer = self._answer(method, path)
        except Exception:  # noqa: BLE001 - the caller is told, and the log has the cause
            log.exception("http_failed", path=path)
            answer = Answer("500 Internal Server Error", _TEXT, b"this page failed; the supervisor's log says why\n")
        headers = [
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            ("Cache-Control", "no-store"),
            *answer.headers,
        ]
        start_response(answer.status, headers)
        return [] if method == "HEAD" else [answer.body]

    def _answer(self, method: str, path: str) -> Answer:
        if path != "/metrics" and path not in self._pages:
            return Answer("404 Not Found", _TEXT, b"not here; there are /metrics, /livez, /readyz and /status\n")
        if method not in _READING:
            text = b"this can only be read, with GET or HEAD\n"
            return Answer("405 Method Not Allowed", _TEXT, text, (("Allow", "GET, HEAD"),))
        return self._pages[path]()


class HttpServer:
    """Serves an application in threads of its own, from `start` to `close`.

    Args:
        address: host and port; "" or "::" for every interface, port 0 for any that is free.
        application: what to serve.

    Raises:
        ConfigInvalid: the address cannot be listened on.
    """

    def __init__(self, address: tuple[str, int], application: WSGIApplication) -> None:
        listener = _listen(*address)
        self.address: tuple[str, int] = listener.getsockname()[:2]
        """Host and port as they are; the port is never 0."""
        self._sockets: dict[int, object] = {}
        self._server = create_server(
            application,
            map=self._sockets,
            sockets=[listener],
            threads=2,
            connection_limit=100,
            channel_timeout=30,
            max_request_body_size=1024,
            ident="partition-pool",
            log_socket_errors=False,
        )
        self._closing = False
        self._thread = Thread(target=self._serve, name="http", daemon=True)

    def start(self) -> None:
        self._thread.start()
        host, port = self.address
        log.info("http_listening", host=host, port=port)

    def close(self) -> None:
        """Stop serving and free the port; connections are cut."""
        self._closing = True
        if self._thread.ident is not None:
            self._server.pull_trigger()
            self._thread.join(_CLOSE_SECONDS)
        self._server.task_dispatcher.shutdown(timeout=_CLOSE_SECONDS)
        # Only now: a thread that still ran would wake the server through a descriptor that may be another's by then.
        wasyncore.close_all(self._sockets)

    def _serve(self) -> None:
        while not self._closing:
            # By poll, not select: a supervisor of many workers may hold more than 1024 descriptors.
            wasyncore.poll2(_TURN_SECONDS, self._sockets)


def _verdict(good: bool, reason: str) -> Answer:
    return Answer("200 OK" if good else "503 Service Unavailable", _TEXT, f"{reason}\n".encode())


def _listen(host: str, port: int) -> socket.socket:
    if port > _MAX_PORT:
        raise _unusable(host, port, f"a port is at most {_MAX_PORT}")
    every = host in ("", "::") and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if every or ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, dualstack_ipv6=every)
    except OSError as error:
        raise _unusable(host, port, error.strerror or str(error)) from error


def _unusable(host: str, port: int, why: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"http {host}:{port}: cannot listen there: {why}; choose another address, such as 127.0.0.1:0, or leave it"
        " empty to serve nothing"
    )
