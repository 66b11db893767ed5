"""A supervisor as a process: what surrounds it, and the code it exits with."""

import os
import resource
import sys
from typing import Final, NoReturn

from supervisor.http import Application, HttpServer
from supervisor.membership import GroupRefused
from supervisor.metrics import AllMetrics, PoolCollector
from supervisor.supervisor import DataLost, Supervisor
from supervisor.user_metrics import UserMetrics
from workers.errors import ConfigInvalid, ExitCode, PoolError
from workers.lifeline import adopt_orphans
from workers.log import configure, log
from workers.settings import Settings

_FILES: Final = 256
_FILES_OF_WORKER: Final = 3
"""Open files that a supervisor needs: for its clients and HTTP, and for each worker."""


def serve(settings: Settings) -> NoReturn:
    """Run the pool until it is told to stop, and exit with its code."""
    configure(settings.log_format, settings.log_level)
    code = _code_of(settings)
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads may hang in calls to brokers that do not answer; nothing is left to be done for them.
    os._exit(code)


def _code_of(settings: Settings) -> ExitCode:
    try:
        return _run(settings)
    except PoolError as error:
        log.critical("pool_cannot_run", reason=str(error), kind=type(error).__name__)
        return _exit_code(error)
    except BaseException:  # noqa: BLE001 - it ends the process, with a code of its own
        log.critical("supervisor_bug", consequence="its workers are killed", exc_info=True)
        return ExitCode.BUG


def _exit_code(error: PoolError) -> ExitCode:
    match error:
        case ConfigInvalid():
            return ExitCode.USAGE
        case GroupRefused():
            return ExitCode.GROUP
        case DataLost():
            return ExitCode.DATA_LOSS
        case _:
            return ExitCode.APP


def _run(settings: Settings) -> ExitCode:
    adopt_orphans()
    allow_files(settings.max_workers)
    users = UserMetrics(settings.metrics_dir)
    try:
        supervisor = Supervisor(settings, users)
        if settings.http_address:
            facts = supervisor.facts
            pool = PoolCollector(facts.status, facts.totals, supervisor.counters)
            HttpServer(settings.http_address, Application(facts, facts.status, AllMetrics(pool, users))).start()
        return supervisor.run()
    finally:
        users.close()


def allow_files(workers: int) -> None:
    """Raise this process's limit of open files to what so many workers take, as far as it may be raised."""
    needed = _FILES + _FILES_OF_WORKER * workers
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and needed > hard:
        cure = "lower max_workers, or raise the limit (ulimit -Hn; systemd: LimitNOFILE=)"
        log.warning("open_files_limited", allowed=hard, needed=needed, max_workers=workers, cure=cure)
        needed = hard
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
