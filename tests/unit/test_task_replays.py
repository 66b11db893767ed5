"""A record that another group replayed is passed over unhandled, and nothing is lost beside it."""

import pytest

from tests.unit.messages import message
from tests.unit.task_parts import Bench
from workers import App, Output, Record
from workers.records import Headers
from workers.replay import REPLAY_GROUP, Replays
from workers.slot import RECORDS, SKIPPED
from workers.source import Batch

OURS: Headers = [(REPLAY_GROUP, b"group")]
THEIRS: Headers = [(REPLAY_GROUP, b"another")]


def _bench(*headers: Headers | None, batch: int | None = None, replays: Replays = Replays.OWN) -> Bench:
    app = App("group")
    if batch is None:
        app.agent("in", value=bytes, output="out")(lambda value: value)
    else:
        app.agent("in", value=bytes, output="out", batch=batch)(lambda values: values)
    polled = [message(b"%d" % offset, offset=offset, headers=given) for offset, given in enumerate(headers)]
    return Bench(app, Batch(polled), replays=replays)


@pytest.mark.parametrize("batch", [None, 2])
def test_only_what_is_for_us_is_handled(batch: int | None) -> None:
    bench = _bench(THEIRS, None, OURS, THEIRS, [("other", b"x")], THEIRS, batch=batch)
    bench.run()
    assert bench.brokers.values() == [b"1", b"2", b"4"]
    assert bench.position == bench.committable == 6
    assert (bench.words[RECORDS], bench.words[SKIPPED]) == (3, 3)


def test_a_result_that_passes_the_headers_on_is_for_every_group() -> None:
    app = App("group")

    @app.agent("in", value=bytes, output="out")
    def pass_on(value: bytes, record: Record) -> Output:
        return Output(value, headers=record.headers)

    bench = Bench(app, Batch([message(b"0", offset=0, headers=[("other", b"x"), *OURS])]))
    bench.run()
    assert [parcel.headers for parcel in bench.brokers.taken] == [[("other", b"x")]]


def test_where_nothing_is_for_us_the_position_passes_all_the_same() -> None:
    bench = _bench(THEIRS, THEIRS)
    bench.run()
    assert bench.brokers.taken == []
    assert bench.position == bench.committable == 2


def test_all_are_handled_where_the_setting_says_so() -> None:
    bench = _bench(THEIRS, None, replays=Replays.ALL)
    bench.run()
    assert bench.brokers.values() == [b"0", b"1"]
    assert bench.words[SKIPPED] == 0
