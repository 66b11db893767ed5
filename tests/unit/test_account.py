"""What a letter says of an error, once its traceback is let go of."""

import traceback
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import Reject
from workers.account import TRACEBACK_BYTES, Account, account_of, let_go, tail


def raised(error: BaseException) -> BaseException:
    """The error with a traceback."""
    with pytest.raises(type(error)):
        raise error
    return error


def wrapped(text: str) -> BaseException:
    """An error with a traceback, that another one with a traceback has led to."""
    error = raised(ValueError(text))
    error.__cause__ = raised(KeyError(text))
    return error


class Stubborn(Exception):
    """Breaks whoever does with it what can be done with others."""

    def __setattr__(self, name: str, value: object) -> None:
        raise TypeError(name)

    def with_traceback(self, _: object) -> "Stubborn":
        raise TypeError

    __cause__ = property(lambda self: self.missing)
    __context__ = property(lambda self: self.missing)
    exceptions = "none"


@dataclass(frozen=True)
class Frozen(Exception):
    number: int


class Slotted(Exception):
    __slots__ = ()


def test_an_account_is_what_python_would_write() -> None:
    error = wrapped("no")
    expected = "".join(traceback.format_exception(error))
    account = account_of(error)
    assert account == Account(b"ValueError", b"no", expected.encode())
    assert "KeyError: 'no'\n\nThe above exception was the direct cause" in expected
    assert account.line == "ValueError: no"


def test_the_class_in_a_line_has_no_module() -> None:
    assert account_of(Reject("why")).line == "Reject: why"
    assert account_of(Frozen(1)).name.endswith(b"test_account.Frozen")


def test_an_account_is_made_once() -> None:
    account = account_of(wrapped("no"))
    assert account_of(account) is account


@pytest.mark.parametrize("error", [Stubborn("no"), Frozen(1), Slotted("no"), KeyboardInterrupt(), MemoryError()])
def test_whatever_an_error_is_it_is_told_and_its_traceback_let_go(error: BaseException) -> None:
    account = account_of(raised(error))
    assert type(error).__name__ in account.name.decode()
    assert BaseException.__getattribute__(error, "__traceback__") is None


def test_so_are_those_that_it_came_of_and_those_in_a_group() -> None:
    error = wrapped("no")
    group = BaseExceptionGroup("several", [wrapped("first"), BaseExceptionGroup("more", [error])])
    outer = raised(RuntimeError())
    outer.__context__ = raised(group)
    let_go(outer)
    assert error.__cause__ is not None
    for one in (outer, group, *group.exceptions, error, error.__cause__):
        assert one.__traceback__ is None


def test_errors_that_came_of_each_other_are_let_go_all_the_same() -> None:
    first, second = raised(ValueError()), raised(KeyError())
    first.__cause__, second.__cause__ = second, first
    let_go(first)
    assert first.__traceback__ is second.__traceback__ is None


@given(st.text(st.characters(), max_size=30), st.integers(TRACEBACK_BYTES // 2 - 40, TRACEBACK_BYTES // 2))
def test_a_note_stands_where_python_would_write_it(text: str, more: int) -> None:
    error, note = ValueError(text + "é" * more), "It could\nnot wait: €"
    account = account_of(error)
    error.add_note(note)
    assert account.noted(note).trace == tail("".join(traceback.format_exception(error)), TRACEBACK_BYTES)
