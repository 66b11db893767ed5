"""Asks a running pool for its status over HTTP."""

from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, InvalidURL
from typing import Final
from urllib.parse import urlsplit

import msgspec

from supervisor.status import PoolStatus
from workers.errors import PoolError

_LARGEST: Final = 16 * 1024 * 1024
_NO_ADDRESS: Final = "no address of a pool: give http://HOST:PORT"


class StatusUnavailable(PoolError):
    """No pool answered with a status."""


def fetch_document(url: str, timeout: float) -> bytes:
    """The document at a pool's `/status`, as it came.

    Args:
        url: `http://HOST:PORT/status`; scheme and path may be left out.
        timeout: seconds to connect, and again to wait for each part of the answer.

    Raises:
        StatusUnavailable: no answer, or one that is no status.
    """
    connection, path = _connection(url, timeout)
    try:
        connection.request("GET", path)
        return _body(connection.getresponse(), url)
    except (UnicodeError, InvalidURL) as failure:
        raise StatusUnavailable(f"{url} is {_NO_ADDRESS} ({failure})") from failure
    except (OSError, HTTPException) as failure:
        raise StatusUnavailable(
            f"no pool answered at {url}: {failure}; check the address, and that it runs there (its setting is `http`)"
        ) from failure
    finally:
        connection.close()


def fetch_status(url: str, timeout: float = 2.0) -> PoolStatus:
    """The status of the pool at `url`; arguments and errors as for `fetch_document`."""
    try:
        return PoolStatus.from_json(fetch_document(url, timeout))
    except msgspec.DecodeError as failure:  # and with it ValidationError
        raise StatusUnavailable(f"what answered at {url} is no pool, or one of another version: {failure}") from failure


def _connection(url: str, timeout: float) -> tuple[HTTPConnection, str]:
    """A connection that is yet to be made, and the path to ask for."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}", scheme="http")
        port = parts.port
    except ValueError as failure:
        raise StatusUnavailable(f"{url} is {_NO_ADDRESS} ({failure})") from failure
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StatusUnavailable(f"{url} is {_NO_ADDRESS}")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname, kind.default_port if port is None else port, timeout=timeout)
    return connection, parts.path if parts.path not in ("", "/") else "/status"


def _body(response: HTTPResponse, url: str) -> bytes:
    if response.status != 200:
        raise StatusUnavailable(f"{url} answered {response.status} {response.reason}: it is no pool's /status")
    return response.read(_LARGEST)
