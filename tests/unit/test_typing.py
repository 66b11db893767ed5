"""The public API as a user's type checker sees it: what is right passes mypy --strict, what is wrong does not."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

PROJECTS = Path(__file__).parent / "typing"
ROOT = Path(__file__).parents[2]


def mypy(project: str, cache: Path) -> str:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--no-error-summary",
            "--config-file=",
            "--cache-dir",
            cache,
            "sensors.py",
        ],
        cwd=PROJECTS / project,
        env={"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


def test_a_project_that_is_right_passes(cache: Path) -> None:
    assert mypy("right", cache) == ""


def test_the_same_project_runs() -> None:
    runpy.run_path(str(PROJECTS / "right" / "sensors.py"))


def test_each_mistake_is_found_in_its_line(cache: Path) -> None:
    lines = (PROJECTS / "wrong" / "sensors.py").read_text().splitlines()
    expected = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    output = mypy("wrong", cache)
    found = {int(number) for number in re.findall(r"^sensors\.py:(\d+): error:", output, re.MULTILINE)}
    assert found == expected, output
