"""What a record failed with, given what its handling raised."""

import traceback

from workers.endings import Rewind, WorkerMustEnd
from workers.errors import HandlerFailed


def as_failure(raised: BaseException) -> Exception:
    """What a record failed with.

    Raises:
        WorkerMustEnd, Rewind: it is not the record that failed.
    """
    if isinstance(raised, WorkerMustEnd | Rewind):
        raise raised
    if isinstance(raised, MemoryError):
        # What its frames hold is the very memory that is missing, for the dead letter too.
        traceback.clear_frames(raised.__traceback__)
    if isinstance(raised, SystemExit):
        # Left alone it would end the worker, and every one after it at the same record.
        return _caused(f"the handler called sys.exit({raised.code!r}): raise an exception instead", raised)
    if isinstance(raised, StopIteration):
        return _caused("the handler raised StopIteration: a next() without a default, perhaps", raised)
    if not isinstance(raised, Exception):
        # A cancellation, perhaps: to the handler's own loop it may mean an end, to the worker it does not.
        return _caused(f"the handler raised {type(raised).__name__}, which is no Exception", raised)
    return raised


def _caused(text: str, cause: BaseException) -> HandlerFailed:
    failed = HandlerFailed(text)
    failed.__cause__ = cause
    return failed
