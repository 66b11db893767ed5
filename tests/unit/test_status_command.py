"""`status` against something that answers, something that is no pool, and nothing."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from supervisor import cli
from supervisor.status import PartitionStatus, PoolStatus
from supervisor.status_client import StatusUnavailable, fetch_status
from supervisor.status_command import run
from workers.errors import ExitCode

STATUS = PoolStatus(
    state="running",
    group="iot-alerts",
    protocol="classic",
    uptime_s=1.0,
    partitions=[PartitionStatus(topic="real-time-data", partition=0, pid=4711, state="running")],
)


@contextmanager
def server(code: int, body: bytes) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code if self.path == "/status" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{httpd.server_port}"
        finally:
            httpd.shutdown()
            thread.join()


@pytest.mark.parametrize("form", ["{}", "http://{}", "http://{}/", "http://{}/status"])
def test_an_address_in_any_form(form: str) -> None:
    with server(200, STATUS.to_json()) as address:
        assert fetch_status(form.format(address)) == STATUS


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    with server(200, STATUS.to_json()) as address:
        assert run(address, watch=False, json=False) is ExitCode.OK
    out = capsys.readouterr().out
    assert "iot-alerts" in out
    assert "4711" in out


def test_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    with server(200, STATUS.to_json()) as address:
        assert run(address, watch=False, json=True) is ExitCode.OK
    assert PoolStatus.from_json(capsys.readouterr().out.encode()) == STATUS


@pytest.mark.parametrize(("code", "body"), [(404, b"no"), (200, b"<html>"), (200, b'{"state": 1}')])
def test_what_is_no_pool(code: int, body: bytes) -> None:
    with server(code, body) as address, pytest.raises(StatusUnavailable, match=address):
        fetch_status(address)


@pytest.mark.parametrize("url", ["127.0.0.1:1", "http://[::1]:1"])
def test_nobody_there(url: str) -> None:
    with pytest.raises(StatusUnavailable, match="no pool answered") as unavailable:
        fetch_status(url)
    assert "--url" not in str(unavailable.value)  # which not every command has that asks


def test_a_pool_that_does_not_answer_is_waited_for_while_watching(capsys: pytest.CaptureFixture[str]) -> None:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    assert run("127.0.0.1:1", watch=True, json=True) is ExitCode.OK
    assert "no pool answered" in capsys.readouterr().err


def test_a_pool_that_serves_on_all_addresses_is_asked_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with server(200, STATUS.to_json()) as address:
        monkeypatch.setenv("POOL_HTTP", address.removeprefix("127.0.0.1"))
        with pytest.raises(SystemExit) as ended:
            cli.main(["status"])
    assert ended.value.code == ExitCode.OK
    assert "4711" in capsys.readouterr().out


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1",
        "http://",
        "127.0.0.1:abc",
        "127.0.0.1:99999",
        "http://[::1",
        "http://a..b:1/",
        "http://127.0.0.1:1/ü",
        "http://127.0.0.1:1/a b",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with server(200, STATUS.to_json()) as address, pytest.raises(StatusUnavailable, match="is no address of a pool"):
        fetch_status(url.replace("127.0.0.1:1/", f"{address}/"))
