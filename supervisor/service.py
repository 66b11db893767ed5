"""A supervisor as a process: what surrounds it, and the code it exits with."""

import os
import resource
import sys
from typing import Final, NoReturn

from msgspec import structs

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
_FILES_OF_CLUSTER: Final = 1024
"""More that it takes where it may have them: each client has two for every broker that it knows."""


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
    settings = structs.replace(settings, max_workers=allow_files(settings.max_workers))
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


def allow_files(workers: int) -> int:
    """Raise this process's limit of open files to what so many workers take, as far as it may be raised.

    Returns:
        How many workers there are files for; not more than asked for.

    Raises:
        ConfigInvalid: for none.
    """
    wanted = _FILES + _FILES_OF_CLUSTER + _FILES_OF_WORKER * workers
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    fit = min(workers, (most - _FILES) // _FILES_OF_WORKER)
    cure = f"raise the limit of {hard} open files (ulimit -Hn; systemd: LimitNOFILE=)"
    if fit < 1:
        raise ConfigInvalid(f"there are too few open files for any worker: {cure}")
    if fit < workers:
        log.warning("max_workers_lowered", asked=workers, now=fit, cure=cure)
    if soft != resource.RLIM_INFINITY and most > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return fit
