"""Keeps a fork server there that has the app imported, and makes sure that a dead one's workers are dead, too."""

import selectors
from collections.abc import Callable
from time import monotonic
from typing import Final

from supervisor.forks import ForkServer
from supervisor.pool import Pool
from supervisor.restart import RestartPolicy
from workers.errors import AppInvalid
from workers.loading import Declaration
from workers.log import log
from workers.protocol import FromForkServer, Loaded, Refused, Setup
from workers.slot import SlotTable

SAY_SECONDS: Final = 30.0
"""From one word to the next that an import takes long."""


class AppHost:
    """The fork server over all its incarnations.

    Args:
        setup: what all workers share.
        slots_fd: the slots' shared memory.
        table: the same, mapped.
        selector: gets the fork server's channel.
        pool: hears of forks and deaths, and gets the server when it is ready.
        on_loaded: called once, when the app is imported for the first time.
    """

    def __init__(
        self,
        setup: Setup,
        slots_fd: int,
        table: SlotTable,
        selector: selectors.BaseSelector,
        pool: Pool,
        on_loaded: Callable[[Declaration], None],
    ) -> None:
        self._setup = setup
        self._slots_fd = slots_fd
        self._table = table
        self._selector = selector
        self._pool = pool
        self._on_loaded = on_loaded
        self._declaration: Declaration | None = None
        self._policy = RestartPolicy()
        self._deaths = 0
        self._dead = False
        self._retired = False
        self._start_at = 0.0

    def retire(self) -> None:
        """No worker is wanted any more: what is wrong with the app is no matter, and no fork server follows."""
        self._retired = True

    def turn(self) -> None:
        """After a death: once every worker of the dead server is confirmed dead, start another. End one that hangs."""
        if not self._dead and self._pool.unconfirmed():
            log.error("fork_server_hangs", consequence="it is killed, and another is started")
            self._died()
        if self._dead:
            if self._pool.bury_orphans() and monotonic() >= self._start_at and not self._retired:
                self._server.close()
                self.start()
        elif self._pool.server is None and monotonic() >= self._say_at:
            self._say_at += SAY_SECONDS
            seconds = round(monotonic() - self._started_at)
            log.warning("app_not_loaded", app=self._setup.app, seconds=seconds, consequence="no worker can start")

    def replace(self) -> None:
        """End the fork server, and thereby every worker, at once; another follows when all are dead."""
        self._server.kill()

    def kill(self) -> None:
        """End the fork server, and thereby every worker, for good."""
        self._pool.server = None
        self._server.kill()

    def start(self) -> None:
        """Start a fork server; `on_loaded` is called when it has imported the app."""
        self._dead = False
        self._started_at = monotonic()
        self._say_at = self._started_at + SAY_SECONDS
        self._server = ForkServer(self._setup, self._slots_fd, self._table, self._selector, self._receive)

    def _receive(self, message: FromForkServer | None) -> None:
        match message:
            case None:
                self._died()
            case Refused(text):
                self._refuse(text)
            case Loaded(declaration, warnings):
                self._loaded(declaration, warnings)
            case _:
                self._pool.on_fork(message)

    def _loaded(self, declaration: Declaration, warnings: tuple[str, ...]) -> None:
        first, self._declaration = self._declaration is None, self._declaration or declaration
        if declaration != self._declaration:
            self._refuse("the app was changed while it ran, and now declares other agents: start the pool anew")
            return
        for warning in warnings:
            log.warning("app_import", message=warning)
        log.info("app_loaded", app=self._setup.app, topics=[agent.topic for agent in declaration.agents])
        self._pool.server = self._server
        if first:
            self._on_loaded(declaration)

    def _died(self) -> None:
        if self._dead:
            return
        if self._declaration is None:
            self._refuse(f"importing {self._setup.app} ended its process: run `python -c 'import …'` to see why")
        # What is alive of it dies with it; where it only closed its channel, it is made sure of.
        self._server.kill()
        self._server.silence()
        # Those that have changed their user have not died with it.
        self._pool.kill(self._pool.partitions, "its fork server died")
        self._pool.server = None
        self._dead = True
        self._deaths = self._policy.deaths_in_row(self._deaths, monotonic() - self._started_at)
        self._start_at = monotonic() + self._policy.delay(self._deaths)
        log.error("fork_server_died", workers=len(self._pool.workers), consequence="its workers die with it")

    def _refuse(self, text: str) -> None:
        if not self._retired:
            raise AppInvalid(text)
        log.warning("app_refused", reason=text)
