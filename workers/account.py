"""What a letter says of an error. The error itself is not kept: its traceback holds all that was in its frames."""

import traceback
from typing import Any, Final, NamedTuple

MESSAGE_BYTES: Final = 2 * 1024
TRACEBACK_BYTES: Final = 8 * 1024
_CUT: Final = "…"

# Past what an error's class makes of these names: it may be anything.
_CAUSE: Final = vars(BaseException)["__cause__"].__get__
_CONTEXT: Final = vars(BaseException)["__context__"].__get__
_GROUPED: Final = vars(BaseExceptionGroup)["exceptions"].__get__


class Account(NamedTuple):
    """An error as it is told, in UTF-8."""

    name: bytes
    """Its class, with the module unless that is built in."""
    text: bytes
    """The beginning of what it says, in at most MESSAGE_BYTES."""
    trace: bytes
    """The end of its traceback, in at most TRACEBACK_BYTES."""

    @property
    def line(self) -> str:
        """The class's own name, and what the error says."""
        return f"{self.name.decode().rpartition('.')[2]}: {self.text.decode()}"

    def noted(self, note: str) -> "Account":
        """With a note behind the traceback: where Python writes it, unless the error is a group."""
        return self._replace(trace=tail(f"{self.trace.decode()}{note}\n", TRACEBACK_BYTES))


def account_of(error: BaseException | Account) -> Account:
    """What is told of an error, of which the traceback is then let go; an account is itself."""
    if isinstance(error, Account):
        return error
    account = Account(
        encoded(_class_name(error)),
        head(text_of(error), MESSAGE_BYTES),
        tail(_trace(error), TRACEBACK_BYTES),
    )
    let_go(error)
    return account


def let_go(error: BaseException) -> None:
    """Take the traceback from an error, and from all that it came of.

    Somebody may keep it, and perhaps raise it again and again. Python adds to its traceback each time: it would hold
    whatever was polled with each of its records, and be longer for each.
    """
    left: list[Any] = [error]
    known: set[int] = set()
    while left:
        one = left.pop()
        if one is None or id(one) in known:
            continue
        known.add(id(one))
        BaseException.with_traceback(one, None)
        left += _CAUSE(one), _CONTEXT(one)
        if issubclass(type(one), BaseExceptionGroup):
            left += _GROUPED(one)


def text_of(error: BaseException | Account) -> str:
    """What an error says, also where its class fails to; of an account, as much as it holds."""
    if isinstance(error, Account):
        return error.text.decode()
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 a user's __str__ must not keep its record from being set aside
        return f"<str() of the error raised {type(broken).__name__}>"


def encoded(text: str) -> bytes:
    """UTF-8, with escapes for what has none."""
    return text.encode(errors="backslashreplace")


def head(text: str, limit: int) -> bytes:
    """The beginning of `text` in at most `limit` bytes of whole UTF-8 characters, a cut marked."""
    raw = encoded(text)
    if len(raw) <= limit:
        return raw
    return raw[: limit - len(_CUT.encode())].decode(errors="ignore").encode() + _CUT.encode()


def tail(text: str, limit: int) -> bytes:
    """The end of `text` in at most `limit` bytes of whole UTF-8 characters, a cut marked."""
    raw = encoded(text)
    if len(raw) <= limit:
        return raw
    return _CUT.encode() + raw[len(_CUT.encode()) - limit :].decode(errors="ignore").encode()


def _class_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _trace(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except Exception as broken:  # noqa: BLE001 as above
        return f"<the traceback cannot be written: {type(broken).__name__}>"
