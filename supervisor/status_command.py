"""`status`: what a running pool is doing, once or live."""

from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from supervisor.interrupt import Interrupt
from supervisor.status import PoolStatus
from supervisor.status_client import StatusUnavailable, fetch_status
from supervisor.table import status_table
from workers.errors import ExitCode

_WATCH_SECONDS: Final = 1.0
_TIMEOUT_SECONDS: Final = 5.0
_PLAIN_WIDTH: Final = 120


def run(url: str, *, watch: bool, json: bool) -> ExitCode:
    """Print the status of the pool at `url`.

    Args:
        url: `http://HOST:PORT`; a bare `HOST:PORT` will do.
        watch: go on until Ctrl-C, once a second.
        json: print the document, one a line, in place of the table.

    Raises:
        StatusUnavailable: no pool answers there. While watching, that is shown, and the pool waited for.
    """
    console = _console()
    if not watch:
        _print(console, fetch_status(url, _TIMEOUT_SECONDS), json)
    elif json or not console.is_terminal:
        _follow(console, url, json)
    else:
        _live(console, url)
    return ExitCode.OK


def _follow(console: Console, url: str, json: bool) -> None:
    unheard = Console(stderr=True, soft_wrap=True, highlight=False)
    with Interrupt() as interrupt:
        while True:
            try:
                _print(console, fetch_status(url, _TIMEOUT_SECONDS), json)
            except StatusUnavailable as failure:
                unheard.print(str(failure), markup=False)
            if interrupt.wait(_WATCH_SECONDS):
                return


def _live(console: Console, url: str) -> None:
    with Interrupt() as interrupt, Live(console=console, auto_refresh=False) as live:
        live.update(_picture(console, url), refresh=True)
        while not interrupt.wait(_WATCH_SECONDS):
            live.update(_picture(console, url), refresh=True)


def _picture(console: Console, url: str) -> Group | Text:
    try:
        return status_table(fetch_status(url, _TIMEOUT_SECONDS), width=console.width)
    except StatusUnavailable as failure:
        return Text(str(failure), style="yellow")


def _print(console: Console, status: PoolStatus, json: bool) -> None:
    if json:
        console.out(status.to_json().decode(), highlight=False)
    else:
        console.print(status_table(status, width=console.width))


def _console() -> Console:
    console = Console()
    # A pipe has no width: rich would assume 80 columns, and cut a long topic's name.
    return console if console.is_terminal else Console(width=_PLAIN_WIDTH)
