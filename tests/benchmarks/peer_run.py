"""One run of one peer."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from tests.benchmarks.footprint import Watch
from tests.benchmarks.subjects import PEERS, Peer
from tests.benchmarks.throughput import ASK_SECONDS, Bench, Run, Wrong
from tests.support.process import spawn

END_SECONDS: Final = 10.0


class Failed(Exception):
    """A peer ended before its work was done; the text is the last line that it said."""


def run_peer(bench: Bench, peer: Peer, within: float, directory: Path) -> Run:
    """Start a peer, watch it, and end it when all alerts are there, or after `within` seconds.

    Args:
        bench: its records.
        peer: installed.
        within: seconds; what it has done by then is what it is reckoned from.
        directory: an empty one, for its log and its files.

    Raises:
        Failed: it ended by itself.
        Wrong: its results are.
    """
    target = bench.target()
    env = {
        **os.environ,
        **peer.env,
        "PYTHONPATH": str(PEERS),
        "BENCH_BOOTSTRAP": bench.topics.bootstrap,
        "BENCH_INPUT": bench.source,
        "BENCH_OUTPUT": target,
        "BENCH_GROUP": f"{peer.name}-{target}",
    }
    log = directory / "log"
    processes: list[subprocess.Popen[bytes]] = []
    try:
        with log.open("wb") as out:
            for number, command in enumerate(peer.runtime.commands(bench.partitions)):
                own = directory / str(number)
                own.mkdir()
                processes.append(spawn(command, env={**env, "BENCH_DIRECTORY": str(own)}, stdout=out, stderr=out))
        watch = Watch(process.pid for process in processes)

        def died() -> bool:
            return any(process.poll() is not None for process in processes)

        whole = watch.until(lambda: died() or bench.complete(target), within, every=ASK_SECONDS)
        if died():
            raise Failed(_last_line(log))
    finally:
        end_all(processes)
    try:
        return bench.result(target, watch, warm=peer.warm, whole=whole)
    except Wrong as wrong:
        raise Wrong(f"{wrong} after {within:g} s" if not whole else str(wrong)) from None


def end_all(processes: list[subprocess.Popen[bytes]]) -> None:
    """SIGTERM to all of them, SIGKILL where that has not ended one."""
    for process in processes:
        process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + END_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it ended without a word"
