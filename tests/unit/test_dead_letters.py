"""A letter tells what it was; a filter says which are meant; marks say what has become of them."""

import msgspec
import pytest

from supervisor.dead_filter import Filter, parse_time
from supervisor.dead_letter import Letter
from supervisor.dead_marks import Action, Ledger, Mark, Progress, decode, may_hold_mark
from supervisor.dead_scan import Scan
from tests.unit.messages import message
from workers.dead_letter import DeadLetter, envelope
from workers.errors import ConfigInvalid, DecodeFailed
from workers.records import Headers, TopicPartition
from workers.sink import Parcel

FAILED_AT = 1_767_225_600_000
TOPIC, ID = "in.group.dead", "id-1"


OWN: Headers = [("a", b"1"), ("a", None)]


def written(*, headers: Headers = OWN, **fields: object) -> DeadLetter:
    record = message(b"\xff", key=b"k", headers=headers, timestamp=1)
    how = {"topic": TOPIC, "group": "group", "attempts": 3, "failed_at_ms": FAILED_AT, **fields}
    error = how.pop("error", DecodeFailed("not JSON at byte 7"))
    return envelope(record, error, **how)  # type: ignore[arg-type]


def read(one: DeadLetter, *, partition: int = 0, offset: int = 5) -> Letter:
    # The topic may give messages a time of its own.
    place = {"topic": TOPIC, "partition": partition, "offset": offset, "timestamp": 9}
    return Letter.of(message(one.value, key=one.key, headers=one.headers, **place))  # type: ignore[arg-type]


LETTER = read(written())
FOREIGN = Letter.of(message(b"v", headers=[("a", b"1")], timestamp=7))


def mark(action: Action = Action.REPLAY, to: str | None = None, **filter_: object) -> Mark:
    return Mark(TOPIC, ID, action, msgspec.convert({"group": "group", **filter_}, Filter), to)


def test_a_letter_tells_what_happened() -> None:
    assert LETTER.place == "0:5"
    assert LETTER.origin == TopicPartition("in", 3)
    assert (LETTER.group, LETTER.error) == ("group", "workers.errors.DecodeFailed")
    assert (LETTER.message, LETTER.failed_at) == ("not JSON at byte 7", FAILED_AT)


def test_what_is_no_dead_letter_tells_nothing() -> None:
    assert (FOREIGN.origin, FOREIGN.group, FOREIGN.error, FOREIGN.failed_at) == (None, None, "", 7)
    assert FOREIGN.obstacle == "does not say where it came from"


def test_a_replay_is_the_record_as_it_was_and_whose_it_is() -> None:
    sent = [*OWN, ("pool.replay.group", "group")]
    assert LETTER.replay(None) == Parcel("in", b"\xff", b"k", sent, 3, 1)
    assert LETTER.replay("elsewhere") == Parcel("elsewhere", b"\xff", b"k", sent, -1, 1)


def test_a_record_that_was_a_letter_itself_keeps_its_headers() -> None:
    own = written(group="other", topic="x.other.dead").headers
    letter = read(written(headers=own))
    assert (letter.headers, letter.group, letter.origin) == (own, "group", TopicPartition("in", 3))
    assert letter.replay(None).headers == [*own, ("pool.replay.group", "group")]
    assert read(written(headers=[*own, ("pool.size", b"7")])).headers == [*own, ("pool.size", b"7")]


def test_a_replay_says_once_whose_it_is_however_often_it_failed() -> None:
    again = read(written(headers=[*OWN, ("pool.replay.group", b"group")]))
    assert again.replay(None).headers == [*OWN, ("pool.replay.group", "group")]


def test_a_letter_without_its_value_is_never_replayed_as_a_tombstone() -> None:
    stripped = read(written().without_value("too large"))
    assert stripped.obstacle is not None
    assert not mark().takes(stripped)
    assert mark(Action.DROP).takes(stripped)


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        (Filter(), True),
        (Filter(group="group"), True),
        (Filter(group="other"), False),
        (Filter(errors=("DecodeFailed",)), True),
        (Filter(errors=("ValueError", "workers.errors.DecodeFailed")), True),
        (Filter(errors=("Failed",)), False),
        (Filter(text="not json"), True),
        (Filter(text="not there"), False),
        (Filter(since=FAILED_AT), True),
        (Filter(since=FAILED_AT + 1), False),
        (Filter(until=FAILED_AT), False),
        (Filter(until=FAILED_AT + 1), True),
        (Filter(key="k"), True),
        (Filter(key=""), False),
        (Filter(partitions=(1, 3)), True),
        (Filter(partitions=(0,)), False),
        (Filter(errors=("DecodeFailed",), key="other"), False),
    ],
)
def test_a_filter_means(filter_: Filter, expected: bool) -> None:
    assert filter_.matches(LETTER) is expected


def test_only_letters_have_a_partition_of_origin() -> None:
    assert Filter().matches(FOREIGN)
    assert not Filter(partitions=(3,)).matches(FOREIGN)


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00Z", "2026-01-01", "2026-01-01T01:00+01:00"])
def test_a_time_is_utc_unless_it_says_so(text: str) -> None:
    assert parse_time("--since", text) == FAILED_AT


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="--until soon: must be a time"):
        parse_time("--until", "soon")
    assert parse_time("--since", None) is None


def test_a_mark_is_read_as_it_was_written() -> None:
    one = mark(errors=["A", "B"], text="größe", since=1, to="elsewhere")
    assert decode(one.encoded()) == one


@pytest.mark.parametrize("metadata", [None, "", "{}", "somebody's own", '{"topic":"t","new":1}'])
def test_what_else_stands_beside_an_offset_is_no_mark(metadata: str | None) -> None:
    assert decode(metadata) is None


def test_each_filter_topic_and_deed_has_a_group_of_its_own() -> None:
    marks = [
        mark(),
        mark(key="k"),
        mark(to="elsewhere"),
        mark(Action.DROP),
        msgspec.structs.replace(mark(), topic_id="2"),
    ]
    groups = {one.group("iot") for one in marks}
    assert len(groups) == len(marks)
    assert [one.startswith(("iot.replay.", "iot.drop.")) for one in groups] == [True] * len(marks)
    assert mark().group("iot") == mark().group("iot")


def test_a_group_says_of_which_topic_it_is() -> None:
    group = mark().group("iot")
    assert may_hold_mark(group, TOPIC, ID)
    assert not may_hold_mark(group, TOPIC, "id-2")
    assert not may_hold_mark("iot", TOPIC, ID)


def test_a_filter_that_cannot_be_stored_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="shorten it"):
        mark(text="x" * 5000).encoded()


@pytest.mark.parametrize(
    ("entry", "at_origin", "elsewhere", "fate"),
    [
        (Progress(mark(), {0: 6}), True, False, "replayed"),
        (Progress(mark(), {0: 5}), False, False, ""),
        (Progress(mark(), {1: 9}), False, False, ""),
        (Progress(mark(key="other"), {0: 6}), False, False, ""),
        (Progress(mark(to="elsewhere"), {0: 6}), False, True, "replayed to elsewhere"),
        (Progress(mark(Action.DROP), {0: 6}), True, True, "dropped"),
    ],
)
def test_what_has_become_of_a_letter(entry: Progress, at_origin: bool, elsewhere: bool, fate: str) -> None:
    ledger = Ledger([entry])
    assert ledger.dealt(LETTER) is at_origin
    assert ledger.dealt(LETTER, "elsewhere") is elsewhere
    assert ledger.fate(LETTER) == fate


def test_a_ledger_knows_how_far_each_mark_came() -> None:
    ledger = Ledger([Progress(mark(), {0: 6}), Progress(mark(key="k"), {1: 2})])
    assert ledger.positions(mark(key="k")) == {1: 2}
    assert ledger.positions(mark(key="new")) == {}


def test_a_scan_counts_what_is_left_and_where_it_goes() -> None:
    dealt = Ledger([Progress(mark(key="k"), {0: 5})])
    scan = Scan(mark(), dealt, {"in": 3})
    one = written(group="group")
    scan.add([read(one, offset=4), LETTER, read(one.without_value("big")), read(written(group="other")), FOREIGN])
    assert (scan.letters, scan.dealt, scan.bytes) == (1, 1, 2)
    assert (scan.targets, scan.missing) == ({"in": 1}, {"in[3]": 1})
    assert list(scan.obstacles.values()) == [1]


@pytest.mark.parametrize(("counts", "missing"), [({"in": 4}, {}), ({}, {"in": 1})])
def test_a_scan_finds_what_is_not_there(counts: dict[str, int], missing: dict[str, int]) -> None:
    scan = Scan(mark(), Ledger(), counts)
    scan.add([LETTER])
    assert scan.missing == missing


def test_to_another_topic_only_that_has_to_be_there() -> None:
    scan = Scan(mark(to="elsewhere"), Ledger(), {"elsewhere": 1})
    scan.add([LETTER])
    assert scan.missing == {}
