"""A process of the demo's own, that does not outlive it."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from workers.lifeline import tie_to_parent

_HURRY_SECONDS: Final = 5.0


def spawn_module(
    module: str, *arguments: str, env: Mapping[str, str], stdin: int, stdout: int, stderr: int | None
) -> subprocess.Popen[bytes]:
    """Run `python -m MODULE ARGUMENTS` in a session of its own, out of reach of this terminal's Ctrl-C.

    To be called before this process has threads: it runs Python between fork and exec.

    Args:
        module: what `-m` takes.
        arguments: its command line.
        env: the whole environment; this package's place is put at the head of its `PYTHONPATH`.
        stdin: as for `Popen`, and so are `stdout` and `stderr`.
        stdout: see above.
        stderr: see above; None: this process's own.
    """
    home = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, (home, env.get("PYTHONPATH"))))
    command: Sequence[str] = (sys.executable, "-m", module, *arguments)
    return subprocess.Popen(
        command,
        env={**env, "PYTHONPATH": path},
        cwd="/",  # where no `pool.toml` lies
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=partial(tie_to_parent, os.getpid()),  # noqa: PLW1509 - there are no threads yet
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """See to it that the process is gone: SIGTERM, and SIGKILL where that does not help."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_HURRY_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
