"""The process that workers are forked from: it has imported the app, holds no Kafka client, and has one thread.

It does as it is told on a socket: imports the app once, forks a worker for each request, and says how each ended. It
knows no policy. When the supervisor dies it dies, and its workers with it.

Started as `python -m supervisor.fork_server CHANNEL SLOTS COUNT PARENT`: two descriptors, the number of slots, a pid.
"""

import gc
import os
import selectors
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from workers import metrics, worker
from workers.app import App
from workers.endings import WorkerExit
from workers.errors import AppInvalid
from workers.lifeline import heed_signals_in_children, ignore_group_signals, leave_terminal, tie_to_parent
from workers.loading import declaration, load_app
from workers.log import configure
from workers.protocol import (
    Channel,
    Exited,
    Fork,
    Forked,
    ForkFailed,
    Loaded,
    MessageTooLong,
    Refused,
    Setup,
    ToForkServer,
    ToWorker,
)
from workers.slot import SlotTable

STDERR: Final = 2
MOST_TEXT: Final = 30_000
"""Characters of an error that travel to the supervisor: less than a packet, however they are encoded."""

COLLECT_AFTER: Final = 10_000
"""Objects that the garbage collector lets come up before it looks for cycles among them. Python's 700 are fewer than
the messages of one poll: it would look through those at hand more than once, a tenth of all that a worker computes."""


class Ancestor(NamedTuple):
    """What every worker gets from this process."""

    app: App
    setup: Setup
    table: SlotTable
    channel: Channel[ToForkServer]
    """This process's own, which a worker must not keep."""


def main(channel_fd: int, slots_fd: int, slots: int, parent: int) -> None:
    """Serve until the supervisor closes its end."""
    _close_others({channel_fd, slots_fd})
    ignore_group_signals()
    tie_to_parent(parent)
    leave_terminal()
    channel: Channel[ToForkServer] = Channel(socket.socket(fileno=channel_fd), ToForkServer)
    setup = channel.receive()
    if not isinstance(setup, Setup):
        return
    # Before the app is imported: one that sets its own has the last word.
    gc.set_threshold(COLLECT_AFTER, 10, 10)
    app = _load(setup, channel)
    if app is None:
        return
    table = SlotTable(slots_fd, slots)
    os.close(slots_fd)
    # What is here now is shared by all workers; the collector must not touch, and so copy, its pages.
    gc.collect()
    gc.freeze()
    # What the import printed, and was not yet written, each worker would write once more.
    sys.stdout.flush()
    sys.stderr.flush()
    _serve(Ancestor(app, setup, table, channel))


def _close_others(own: set[int]) -> None:
    """Close what was inherited besides, such as the pipes of the supervisor's Kafka clients."""
    for fd in {int(entry.name) for entry in Path("/proc/self/fd").iterdir()} - own:
        if fd > STDERR:
            with suppress(OSError):  # the directory's own
                os.close(fd)


def _load(setup: Setup, channel: Channel[ToForkServer]) -> App | None:
    settings = setup.settings
    configure(settings.log_format, settings.log_level)
    metrics.prepare(setup.metrics_dir)
    try:
        app = load_app(setup.app, group=settings.group)
        declared = declaration(app)
    except AppInvalid as error:
        channel.send(Refused(str(error)[-MOST_TEXT:]))
        return None
    configure(settings.log_format, settings.log_level, group=app.group)
    try:
        channel.send(Loaded(declared, _warnings()))
    except MessageTooLong as error:
        channel.send(Refused(f"{setup.app} declares too much for one process: {error}; split it into several apps"))
        return None
    return app


def _warnings() -> tuple[str, ...]:
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if not others:
        return ()
    warning = (
        f"importing the app started threads ({', '.join(others)}): they do not exist in its workers, and what they"
        " hold at a fork stays locked there; start them in an @app.on_start function"
    )
    return (warning,)


def _serve(ancestor: Ancestor) -> None:
    channel = ancestor.channel
    wake_reader, wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
    selector = selectors.DefaultSelector()
    selector.register(wake_reader, selectors.EVENT_READ)
    selector.register(channel, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is channel:
                job, fds = channel.receive_with_fds(2)
                if not isinstance(job, Fork):
                    return
                _fork(ancestor, job, fds)
            else:
                os.read(wake_reader, 4096)
        _reap(channel)


def _reap(channel: Channel[ToForkServer]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        channel.send(Exited(pid, status))


def _fork(ancestor: Ancestor, job: Fork, fds: list[int]) -> None:
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        ancestor.channel.send(ForkFailed(job.worker, str(error)))
    else:
        if pid == 0:
            _become_worker(ancestor, job, fds, parent)
        ancestor.channel.send(Forked(job.worker, pid))
    for fd in fds:
        os.close(fd)


def _become_worker(ancestor: Ancestor, job: Fork, fds: list[int], parent: int) -> NoReturn:
    """In the child: nothing may return to the fork server's own loop."""
    code = WorkerExit.CRASHED
    try:
        tie_to_parent(parent)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        heed_signals_in_children()
        ancestor.channel.close()
        for fd in fds:
            os.set_inheritable(fd, False)  # a program that the app starts must not hold them
        channel_fd, crash_fd = fds
        channel: Channel[ToWorker] = Channel(socket.socket(fileno=channel_fd), ToWorker)
        words = ancestor.table[job.slot]
        code = worker.live(ancestor.app, ancestor.setup, job, words=words, channel=channel, crash_fd=crash_fd)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - nothing may get past here
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:5]))
