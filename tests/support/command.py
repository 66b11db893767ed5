"""A command of the pool, run to its end."""

import subprocess
import sys
from typing import Protocol

from tests.support.pool import environment
from tests.support.scene import SENSORS
from tests.support.topics import Topics


class Subject(Protocol):
    """What a command is about: a `Scene`, say."""

    topics: Topics
    group: str
    input: str
    output: str


def run_command(scene: Subject, *arguments: str, app: str = SENSORS) -> subprocess.CompletedProcess[str]:
    """Run `python -m supervisor` with these arguments, for the scene's topics, group and app."""
    return subprocess.run(
        [sys.executable, "-m", "supervisor", *arguments],
        env={
            **environment(),
            "APP_INPUT": scene.input,
            "APP_OUTPUT": scene.output,
            "POOL_APP": app,
            "POOL_GROUP": scene.group,
            "KAFKA_BOOTSTRAP_SERVERS": scene.topics.bootstrap,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
