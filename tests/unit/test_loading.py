"""An app by its name: what is wrong is told with its place, whatever it is."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import msgspec
import pytest

from workers.errors import AppInvalid
from workers.loading import AgentDeclaration, Declaration, declaration, load_app

GOOD = """
    from workers import App

    app = App("group")

    @app.agent("in", value=dict, output="out", batch=5)
    def alert(reading): ...

    @app.agent("other", value=bytes, dead_letter=None)
    def other(reading): ...
"""

Write = Callable[[str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a package `shop` with a module `alerts` of the given text into the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write_module(text: str) -> None:
        (tmp_path / "shop").mkdir()
        (tmp_path / "shop" / "__init__.py").write_text("")
        (tmp_path / "shop" / "alerts.py").write_text(dedent(text))

    yield write_module
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def test_an_app_is_found_from_the_working_directory_and_told_as_data(write: Write) -> None:
    write(GOOD)
    declared = declaration(load_app("shop.alerts:app"))
    assert declared == Declaration(
        "group",
        (
            AgentDeclaration("alert", "in", "out", "in.group.dead"),
            AgentDeclaration("other", "other", None, None),
        ),
    )
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(declared), type=Declaration) == declared


def test_a_group_in_place_of_the_apps_own(write: Write) -> None:
    write(GOOD)
    declared = declaration(load_app("shop.alerts:app", group="other"))
    assert declared.group == "other"
    assert declared.agents[0].dead_letter == "in.other.dead"


@pytest.mark.parametrize(
    "name", ["", "shop.alerts", ":app", "shop.alerts:", "shop/alerts.py:app", "shop..alerts:app", "a:b.c"]
)
def test_a_name_of_the_wrong_form_is_told_the_right_one(name: str) -> None:
    with pytest.raises(AppInvalid, match=r"write PACKAGE\.MODULE:ATTRIBUTE, such as"):
        load_app(name)


@pytest.mark.parametrize(("name", "missing"), [("shpo.alerts:app", "shpo"), ("shop.alters:app", "shop.alters")])
def test_a_module_that_is_not_there(write: Write, tmp_path: Path, name: str, missing: str) -> None:
    write(GOOD)
    with pytest.raises(AppInvalid, match=f"there is no module '{missing}'") as refused:
        load_app(name)
    assert f"looked in {tmp_path}" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("\nimport nowhere_to_be_found", r"alerts.py:2: ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("from shop.missing import x", r"alerts.py:1: ModuleNotFoundError: No module named 'shop.missing'"),
        ("from os import nothing_there", r"alerts.py:1: ImportError: cannot import name"),
        ("\n\n1 / 0", r"alerts.py:3: ZeroDivisionError"),
        ("\nx = (", r"alerts.py:2: SyntaxError"),
        ("raise SystemExit(3)", r"alerts.py:1: SystemExit: 3"),
        ("from workers import App\nApp('g').agent('t', valeu=int)", r"alerts.py:2: TypeError: .* argument 'valeu'"),
        ("from workers import App\nApp('')", r"alerts.py:2: App\(''\): give the consumer group"),
        (
            "from workers import App\napp = App('g')\n\n\n@app.agent('t', value=int, batch=0)\ndef f(x): ...",
            r"alerts.py:5: agent f\(\) at .*alerts.py:5 of topic 't': batch=0",
        ),
    ],
)
def test_a_module_that_fails_says_where(write: Write, text: str, complaint: str) -> None:
    write(text)
    with pytest.raises(AppInvalid, match=f"importing shop.alerts failed at .*{complaint}"):
        load_app("shop.alerts:app")


@pytest.mark.parametrize(
    ("attribute", "complaint"),
    [
        ("ap", r"has no 'ap': did you mean shop.alerts:app\?"),
        ("alert", r"'alert' in .* is of type function, not an App: did you mean shop.alerts:app\?"),
    ],
)
def test_an_attribute_that_is_no_app(write: Write, attribute: str, complaint: str) -> None:
    write(GOOD)
    with pytest.raises(AppInvalid, match=complaint):
        load_app(f"shop.alerts:{attribute}")


def test_a_module_without_any_app(write: Write) -> None:
    write("x = 1")
    with pytest.raises(AppInvalid, match=r"has no 'app'\. Make one: app = App\(GROUP\)"):
        load_app("shop.alerts:app")


def test_an_app_without_agents(write: Write) -> None:
    write("from workers import App\napp = App('group')")
    with pytest.raises(AppInvalid, match="has no agent"):
        load_app("shop.alerts:app")
