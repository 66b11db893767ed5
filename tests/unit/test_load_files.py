"""What `load` takes from files and modules of the user's, and what it writes."""

import sys
from pathlib import Path

import pytest

from supervisor.load import publish, required
from supervisor.load_options import LoadOptions, load_attribute
from supervisor.load_refused import LoadRefused
from tests.unit.test_load_report import RESULT
from workers.errors import ConfigInvalid


def test_a_module_of_the_working_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A console script, unlike `python -m`, does not look there by itself."""
    (tmp_path / "my_types.py").write_text("Reading = dict[str, int]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    assert load_attribute("my_types:Reading", "--type") == dict[str, int]


def test_what_is_no_function_tells_of_no_results() -> None:
    with pytest.raises(ConfigInvalid, match="--expect math:pi is of type float"):
        required("math:pi")


def test_a_file_that_cannot_be_written_keeps_no_other_from_being(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    with pytest.raises(LoadRefused, match="cannot be written"):
        publish(RESULT, LoadOptions(topic="in", json=tmp_path, report=report))
    assert "</html>" in report.read_text()
