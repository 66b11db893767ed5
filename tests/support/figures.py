"""What tests measured, shown in a table at the end: a pass says that a bound was kept, not by how much."""

from collections.abc import Iterable
from typing import Final

import pytest

KIND: Final = "figure"


class Figures:
    """Takes the figures of one test.

    Args:
        item: the test.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def __call__(self, name: str, value: float | str, bound: str = "") -> None:
        """Note a figure.

        Args:
            name: what was measured, with its unit.
            value: what it was.
            bound: what it is held against, in words.
        """
        text = value if isinstance(value, str) else f"{value:,.4g}"
        self._item.user_properties.append((KIND, (name, text, bound)))


def lines(reports: Iterable[pytest.TestReport]) -> list[str]:
    """The figures of these tests, a line each, aligned; no line where there are none."""
    rows = [
        (report.nodeid.rpartition("/")[2], *row)
        for report in reports
        for kind, row in report.user_properties
        if kind == KIND and isinstance(row, tuple | list)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
