"""Where a partition's worker begins, and what the log has lost before that."""

import pytest

from supervisor.starts import Start, decide


@pytest.mark.parametrize(
    ("wanted", "committed", "first", "end", "initial", "start"),
    [
        pytest.param(None, None, 3, 9, 3, Start(3, None, 9), id="a new group, earliest"),
        pytest.param(None, None, 3, 9, 9, Start(9, None, 9), id="a new group, latest"),
        pytest.param(5, 5, 3, 9, 9, Start(5, 5, 9), id="it goes on where it was, whatever `start` says"),
        pytest.param(7, 5, 3, 9, 3, Start(7, 5, 9), id="a worker had come further than the group knows"),
        pytest.param(9, 9, 3, 9, 3, Start(9, 9, 9), id="nothing is left to do"),
        pytest.param(3, 3, 3, 9, 9, Start(3, 3, 9), id="at the very beginning"),
        pytest.param(1, 1, 3, 9, 9, Start(3, 1, 9, range(1, 3)), id="the log has deleted two records"),
        pytest.param(12, 12, 0, 9, 9, Start(0, 12, 9, range(9, 12)), id="the topic was made anew"),
        pytest.param(12, 12, 0, 0, 0, Start(0, 12, 0, range(12)), id="the topic was made anew and is empty"),
    ],
)
def test_decide(wanted: int | None, committed: int | None, first: int, end: int, initial: int, start: Start) -> None:
    assert decide(wanted, committed, first, end, initial) == start
