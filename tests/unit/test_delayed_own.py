"""Two groups whose retry topics have one name: each handles its own records there, and passes over the other's."""

import pytest

from tests.unit.messages import message
from tests.unit.task_parts import Brokers, Polls, Word
from workers import App, Retry
from workers.dead_letter import envelope
from workers.origin import origin_of
from workers.records import Headers
from workers.replay import REPLAY_GROUP, Replays
from workers.slot import COMMITTABLE, POSITION, RECORDS, SKIPPED, SLOT_BYTES
from workers.source import Batch
from workers.task import PartitionTask

SHARED = "orders.eu.billing.retry.1m"
PREVIOUS = "orders.eu.billing.retry.10s"


def waiting(topic: str, group: str) -> Headers:
    """The headers of a record of `topic` that waits for `group`."""
    failed = message(b"v", topic=topic)
    return envelope(failed, ConnectionError(), topic=SHARED, group=group, attempts=1, failed_at_ms=0).headers


OURS = waiting("orders.eu", "billing")
THEIRS = waiting("orders", "eu.billing")


class Pool:
    """The task of a retry topic of topic `orders.eu`, group `billing`, once it is drained."""

    def __init__(self, *headers: Headers | None, replays: Replays = Replays.OWN, batch: int | None = None) -> None:
        app = App("billing", retries=Retry(attempts=1, delayed=["10s", "1m"]))
        if batch is None:
            app.agent("orders.eu", value=bytes, output="out")(lambda value: value)
        else:
            app.agent("orders.eu", value=bytes, output="out", batch=batch)(lambda values: values)
        polled = [
            message(b"%d" % offset, topic=SHARED, offset=offset, headers=given) for offset, given in enumerate(headers)
        ]
        self.words = memoryview(bytearray(SLOT_BYTES)).cast("q")
        brokers, word = Brokers(), Word()
        task = PartitionTask(
            app.agent_for(SHARED),
            Polls(Batch(polled)),
            brokers,
            self.words,
            word,
            group=app.group,
            flush_interval=3600,
            replays=replays,
        )
        task.turn()
        word.drain()
        task.run()
        self.handled = brokers.values()


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize("replays", Replays)
def test_records_of_another_group_are_passed_over(replays: Replays, batch: int | None) -> None:
    pool = Pool(THEIRS, OURS, THEIRS, OURS, None, THEIRS, replays=replays, batch=batch)
    assert pool.handled == [b"1", b"3", b"4"]
    assert pool.words[POSITION] == pool.words[COMMITTABLE] == 6
    assert (pool.words[RECORDS], pool.words[SKIPPED]) == (3, 3)


def test_where_none_is_ours_the_position_passes_all_the_same() -> None:
    pool = Pool(THEIRS, THEIRS)
    assert pool.handled == []
    assert pool.words[POSITION] == pool.words[COMMITTABLE] == 2


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (waiting("orders.eu", "eu.billing"), False),
        (waiting("orders", "billing"), False),
        (waiting(PREVIOUS, "billing"), True),  # no pool had written it there
        (waiting(PREVIOUS, "eu.billing"), False),
        ([*THEIRS, *OURS], True),  # their dead letter is our input
        ([*OURS, *THEIRS], False),
        ([(name, value) for name, value in THEIRS if name != "pool.attempts"], True),
        ([(name, value) for name, value in OURS if name != "pool.group"], True),
        ([("pool.group", b"eu.billing")], True),
        ([], True),
    ],
)
def test_whose_a_record_is_its_headers_tell(headers: Headers, expected: bool) -> None:
    assert Pool(headers).handled == ([b"0"] if expected else [])


@pytest.mark.parametrize(("replays", "handled"), [(Replays.OWN, []), (Replays.ALL, [b"0"])])
def test_what_was_replayed_into_it_for_others_is_as_elsewhere(replays: Replays, handled: list[bytes]) -> None:
    assert Pool([(REPLAY_GROUP, b"eu.billing")], replays=replays).handled == handled


def test_the_input_topic_is_not_asked() -> None:
    assert origin_of(message(b"v", headers=THEIRS), delayed=False).group is None
