"""The pages of a supervisor, asked over real HTTP."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from supervisor.http import Application, HttpServer
from supervisor.metrics import Counters, PoolCollector
from supervisor.status import PoolStatus
from workers.errors import ConfigInvalid

STATUS = PoolStatus(state="running", group="g", protocol="classic", uptime_s=1.0)


class Pool:
    """Stands for the supervisor."""

    well = True

    def alive(self) -> tuple[bool, str]:
        return self.well, "the loop turned 0.1 s ago"

    def ready(self) -> tuple[bool, str]:
        return self.well, "t[0] starting"

    def status(self) -> PoolStatus:
        if not self.well:
            raise RuntimeError("password=hunter2")
        return STATUS

    def metrics(self) -> Collector:
        return PoolCollector(self.status, dict, Counters())


@pytest.fixture
def pool() -> Pool:
    return Pool()


@pytest.fixture
def connection(pool: Pool) -> Iterator[HTTPConnection]:
    server = HttpServer(("127.0.0.1", 0), Application(pool, pool.status, pool.metrics()))
    server.start()
    asking = HTTPConnection(*server.address, timeout=5)
    yield asking
    asking.close()
    server.close()


def ask(connection: HTTPConnection, path: str, method: str = "GET") -> tuple[HTTPResponse, str]:
    connection.request(method, path)
    response = connection.getresponse()
    return response, response.read().decode()


@pytest.mark.parametrize(("path", "text"), [("/livez", "turned 0.1 s ago"), ("/readyz", "t[0] starting")])
def test_health_is_a_code_and_a_reason(path: str, text: str, pool: Pool, connection: HTTPConnection) -> None:
    response, body = ask(connection, path)
    assert response.status == 200
    assert text in body
    pool.well = False
    response, body = ask(connection, path)
    assert response.status == 503
    assert text in body


def test_status_is_the_document(connection: HTTPConnection) -> None:
    response, body = ask(connection, "/status")
    assert response.getheader("Content-Type") == "application/json"
    assert response.getheader("Cache-Control") == "no-store"
    assert json.loads(body)["group"] == "g"


def test_metrics_can_be_scraped(connection: HTTPConnection) -> None:
    response, body = ask(connection, "/metrics?name[]=pool_info")
    assert response.status == 200
    assert "pool_info" in {family.name for family in text_string_to_metric_families(body)}


def test_head_has_the_headers_alone(connection: HTTPConnection) -> None:
    for path in ("/livez", "/metrics"):
        response, body = ask(connection, path, "HEAD")
        assert (response.status, body) == (200, "")
    assert ask(connection, "/livez")[0].status == 200


def test_other_paths_and_methods_are_told_what_there_is(connection: HTTPConnection) -> None:
    response, body = ask(connection, "/")
    assert response.status == 404
    assert "/readyz" in body
    for path in ("/status", "/metrics"):
        response, _ = ask(connection, path, "POST")
        assert response.status == 405
        assert response.getheader("Allow") == "GET, HEAD"


@pytest.mark.parametrize("path", ["/status", "/metrics"])
def test_a_page_that_fails_says_so_and_nothing_more(path: str, pool: Pool, connection: HTTPConnection) -> None:
    pool.well = False
    response, body = ask(connection, path)
    assert response.status == 500
    assert "hunter2" not in body
    pool.well = True
    assert ask(connection, path)[0].status == 200


def test_a_taken_port_is_a_setting_to_change(pool: Pool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigInvalid, match=rf"127\.0\.0\.1:{port}.*in use"):
            HttpServer(("127.0.0.1", port), Application(pool, pool.status, pool.metrics()))


@pytest.mark.parametrize("address", [("127.0.0.1", 99999), ("no-such-host.invalid", 0)])
def test_an_address_that_cannot_be_is_a_setting_to_change(address: tuple[str, int], pool: Pool) -> None:
    with pytest.raises(ConfigInvalid, match="cannot listen there"):
        HttpServer(address, Application(pool, pool.status, pool.metrics()))


@pytest.mark.parametrize("host", ["", "127.0.0.1", "localhost"])
def test_closing_frees_the_port_at_once(host: str, pool: Pool) -> None:
    server = HttpServer((host, 0), Application(pool, pool.status, pool.metrics()))
    server.start()
    open_connection = HTTPConnection("127.0.0.1", server.address[1], timeout=5)
    assert ask(open_connection, "/livez")[0].status == 200
    server.close()
    open_connection.close()
    HttpServer(("127.0.0.1", server.address[1]), Application(pool, pool.status, pool.metrics())).close()
