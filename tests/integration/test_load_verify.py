"""`load --verify` against a real pool: kept promises are found kept, broken ones broken, with and without numbers."""

import json
import subprocess
import sys
from pathlib import Path
from signal import SIGINT, SIGKILL
from typing import Any

from tests.support.command import run_command
from tests.support.pool import environment
from tests.support.process import spawn
from tests.support.scene import Scene
from tests.support.wait import wait_for

ALERTS = "tests.apps.alerts:app"


def found(scene: Scene, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Run `load` on the scene's topics; its exit code, its findings, and what it printed."""
    file = scene.directory / "found.json"
    done = run_command(scene, "load", scene.input, "--verify", scene.output, "--json", str(file), *arguments)
    assert file.exists(), done.stderr
    return done.returncode, json.loads(file.read_bytes()), done.stdout


def test_an_app_that_copies_no_number_is_verified_through_the_death_of_a_worker(scene: Scene) -> None:
    pool = scene.pool(ALERTS).wait_running()
    page = scene.directory / "page.html"
    arguments = ["--rate", "1000", "--duration", "6", "--wait", "5", "--status", pool.address, "--report", str(page)]
    arguments += ["--json", str(scene.directory / "found.json")]
    load = spawn(
        [sys.executable, "-m", "supervisor", "load", scene.input, "--verify", scene.output, *arguments],
        env={**environment(), "KAFKA_BOOTSTRAP_SERVERS": scene.topics.bootstrap},
        stdout=subprocess.DEVNULL,
    )
    pool.wait_for(lambda: sum(p.records for p in pool.status().partitions) > 2000, 20, "records")
    pool.signal_worker(1, SIGKILL)
    assert load.wait(60) == 0
    result = json.loads((scene.directory / "found.json").read_bytes())
    verified = result["verified"]
    assert (result["acknowledged"], verified["records"]) == (6000, 6000)
    assert verified["expect"] == "hot"
    assert verified["expected"] == verified["answered"] > 150
    assert (verified["missing"], verified["disordered"], verified["unfounded"]) == (0, 0, 0)
    assert len(scene.topics.read(scene.output)) == verified["results"] == verified["answered"] + verified["repeated"]
    assert 0 < result["end_to_end"]["p50"] <= result["end_to_end"]["p99"] <= result["end_to_end"]["max"]
    assert any(event["kind"] == "restart" and "[1]" in event["what"] for event in result["events"])
    assert 'class="event restart"' in page.read_text()


def test_lost_results_are_a_broken_promise(scene: Scene) -> None:
    scene.pool(ALERTS, env={"ALERTS_LOSE": "10"}).wait_running()
    code, result, text = found(scene, "--count", "4000", "--hot", "0.5", "--wait", "3")
    lost = result["verified"]["expected"] - len(scene.topics.read(scene.output))
    assert lost > 100
    assert (code, result["verified"]["missing"]) == (1, lost)
    assert "A promise is broken" in text


def test_results_that_copy_the_number_are_matched_with_flaws_in_between(scene: Scene) -> None:
    scene.pool().wait_running()
    flaws = ["--malformed", "0.05", "--tombstone", "0.05", "--duplicate", "0.1", "--late", "0.1"]
    code, result, text = found(scene, "--count", "4000", "--processes", "2", "--wait", "5", *flaws)
    verified = result["verified"]
    assert code == 0, text
    assert verified["expect"] == "all"
    assert result["acknowledged"] > 4200  # duplicates
    assert 3400 < verified["expected"] == verified["answered"] < 3800
    assert verified["repeated"] == 0
    assert sum(scene.topics.ends(scene.dead).values()) == 4000 - verified["expected"]


def test_without_a_pool_every_result_is_missing(scene: Scene) -> None:
    code, result, text = found(scene, "--count", "100", "--hot", "1", "--wait", "1")
    assert (code, result["verified"]["missing"]) == (1, 100)
    assert "does the pool run" in text


def test_ctrl_c_ends_with_the_summary(scene: Scene, tmp_path: Path) -> None:
    output = tmp_path / "out"
    with output.open("wb") as out:
        load = spawn(
            [sys.executable, "-m", "supervisor", "load", scene.input, "--rate", "500"],
            env={**environment(), "KAFKA_BOOTSTRAP_SERVERS": scene.topics.bootstrap},
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: sum(scene.topics.ends(scene.input).values()) > 300, 20, "records in the topic")
        load.send_signal(SIGINT)
        assert load.wait(20) == 0
    sent = sum(scene.topics.ends(scene.input).values())
    assert f"{sent:,}" in output.read_text()
