"""The README tells of every setting, and of what the pool sets of librdkafka's by itself, as the code has it."""

from pathlib import Path
from typing import Final

from tests.benchmarks.subjects import EVERY_PEER
from workers import kafka
from workers.errors import ExitCode
from workers.settings import FIELDS, Settings

README: Final = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
_ROWS: Final = [line for line in README.splitlines() if line.startswith("| ")]

_CLIENTS: Final = {
    "every client": "every one",
    "the supervisor's admin client": "its admin client",
    "the supervisor's reader of committed offsets": "its reader of committed offsets",
}
"""What the README calls some of them."""


def test_every_setting_is_in_a_table() -> None:
    first = [line.split(" | ")[0] for line in _ROWS]
    assert [name for name in FIELDS if not any(f"`{name}`" in cell for cell in first)] == []


def test_every_exit_code_is_in_its_table() -> None:
    table = README.partition("| exit code | |")[2].partition("\n\n")[0]
    assert [code for code in ExitCode if f"\n| {code.value} | " not in table] == []


def test_what_the_pool_sets_by_itself_is_told_with_its_value() -> None:
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in _ROWS}
    for clients, properties in kafka.own(Settings(guarantee="exactly_once")):
        row = rows[_CLIENTS.get(clients, clients)]
        for name, value, _ in properties:
            shown = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
            assert f"`{name}` {shown}" in row, clients


def test_what_the_comparison_is_held_to_is_told() -> None:
    held = [peer for peer in EVERY_PEER if peer.ahead]
    assert held
    for peer in held:
        assert [row for row in _ROWS if row.startswith(f"| {peer.title}") and f" | {peer.ahead:g} | " in row], peer.name
