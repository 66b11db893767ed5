"""Dead letters without the pool that would write them, and the commands that work through them."""

import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from confluent_kafka import TIMESTAMP_CREATE_TIME, Message
from confluent_kafka.admin import AdminClient

from tests.support.pool import environment
from tests.support.process import spawn
from tests.support.scene import Scene
from tests.support.wait import wait_for
from workers.dead_letter import DeadLetter, envelope
from workers.records import raw_headers

FIRST_TIME = 1_767_225_600_000
"""2026-01-01 in milliseconds: letter number n was set aside n seconds later."""


def record(scene: Scene, seq: int) -> dict[str, Any]:
    """Record number `seq` of the input topic, by the arguments of `Producer.produce`."""
    return {
        "key": f"key-{seq % 100}".encode(),
        "value": b"\xff\x00" + str(seq).encode(),
        "partition": seq % scene.partitions,
        "timestamp": 1_700_000_000_000 + seq,
        "headers": [("seq", str(seq).encode()), ("same", b"\x00\x01"), ("same", None)],
    }


def letter(scene: Scene, seq: int, *, group: str | None = None) -> DeadLetter:
    """The letter for record number `seq`; odd ones have a KeyError, even ones a ValueError."""
    sent = record(scene, seq)
    message = Message(
        topic=scene.input,
        partition=sent["partition"],
        offset=seq // scene.partitions,
        key=sent["key"],
        value=sent["value"],
        headers=sent["headers"],
        timestamp=(TIMESTAMP_CREATE_TIME, sent["timestamp"]),
    )
    error = KeyError(f"no device {seq}") if seq % 2 else ValueError(f"bad reading {seq}")
    return envelope(
        message,
        error,
        topic=scene.dead,
        group=group or scene.group,
        attempts=3,
        failed_at_ms=FIRST_TIME + 1000 * seq,
    )


def fill(scene: Scene, letters: Iterable[DeadLetter]) -> None:
    """Write letters to the scene's dead-letter topic, which is made for it where it is not there."""
    if not scene.topics.partitions(scene.dead):
        scene.topics.create_named(scene.dead, 4)
    scene.topics.send_raw(
        scene.dead,
        ({"key": one.key, "value": one.value, "headers": one.headers, "timestamp": one.timestamp} for one in letters),
    )


def delete_letters(scene: Scene) -> None:
    """Delete the scene's dead-letter topic."""
    admin = AdminClient({"bootstrap.servers": scene.topics.bootstrap})
    admin.delete_topics([scene.dead])[scene.dead].result(30)
    wait_for(lambda: not scene.topics.partitions(scene.dead), 30.0, f"{scene.dead} to be gone")


def start_dead(scene: Scene, *arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
    """Start `python -m supervisor dead` with these arguments, for the scene's group."""
    return spawn(
        [sys.executable, "-m", "supervisor", "dead", *arguments, "--group", scene.group],
        env={**environment(), "KAFKA_BOOTSTRAP_SERVERS": scene.topics.bootstrap},
        **streams,
    )


def run_dead(scene: Scene, *arguments: str, code: int = 0, group: bool = True) -> str:
    """Run `python -m supervisor dead` to its end, which is to come with `code`; what it printed, errors too."""
    whose = ("--group", scene.group) if group else ()
    done = subprocess.run(
        [sys.executable, "-m", "supervisor", "dead", *arguments, *whose],
        env={**environment(), "KAFKA_BOOTSTRAP_SERVERS": scene.topics.bootstrap},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def seqs(messages: Iterable[Message]) -> list[int]:
    """The numbers of records, sorted; one that is there twice has its number twice."""
    return sorted(int(dict(raw_headers(message))["seq"] or b"") for message in messages)
