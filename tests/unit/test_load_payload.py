"""The generator's readings: numbered, timed, on a walk, hot as asked, of the size that was asked for."""

import random
import zlib
from collections import Counter
from itertools import pairwise

import msgspec
import pytest

from supervisor.load_keys import Keys
from supervisor.load_pages import crc32_partitioner
from supervisor.payload import HOT_ABOVE, Reading, SensorPayload, marked_number

DUE = 1_770_000_000_000_000_000


def readings(payload: SensorPayload, count: int, first: int = 0) -> list[Reading]:
    messages = payload.messages(range(first, first + count), [DUE] * count)
    return [msgspec.json.decode(message["value"], type=Reading) for message in messages]


def sensors(seed: int = 1, devices: int = 1000, **how: object) -> SensorPayload:
    chance = random.Random(seed)
    return SensorPayload(Keys(devices, None, chance), chance=chance, **how)  # type: ignore[arg-type]


def test_a_record_carries_its_number_its_time_and_its_device_as_key() -> None:
    (message,) = SensorPayload().messages([41], [DUE])
    reading = msgspec.json.decode(message["value"], type=Reading)
    assert (reading.seq, reading.sent_at) == (41, DUE)
    assert message["key"] == reading.device_id.encode()


@pytest.mark.parametrize(("hot", "expected"), [(0.0, 0), (1.0, 1000)])
def test_all_or_none_are_hot(hot: float, expected: int) -> None:
    assert sum(reading.temperature > HOT_ABOVE for reading in readings(SensorPayload(hot=hot), 1000)) == expected


def test_the_share_of_hot_readings_is_kept() -> None:
    found = sum(reading.temperature > HOT_ABOVE for reading in readings(sensors(hot=0.2), 10_000))
    assert found == pytest.approx(2000, rel=0.1)


def test_a_device_walks_in_small_steps() -> None:
    walk = [reading.temperature for reading in readings(sensors(devices=1, hot=0.0), 2000)]
    steps = [abs(b - a) for a, b in pairwise(walk)]
    assert max(steps) <= 0.61  # half a degree, and rounding
    assert max(walk) - min(walk) > 5
    assert max(walk) < HOT_ABOVE


def test_no_more_devices_than_asked_for() -> None:
    assert len({reading.device_id for reading in readings(sensors(devices=3), 200)}) == 3


@pytest.mark.parametrize("size", [110, 111, 300, 5000])
def test_a_value_is_padded_to_its_size_and_reads_as_before(size: int) -> None:
    (message,) = SensorPayload(size=size).messages([7], [DUE])
    assert len(message["value"]) == size
    assert set(msgspec.json.decode(message["value"])) == {"device_id", "temperature", "seq", "sent_at", "pad"}


def test_a_value_is_never_cut() -> None:
    assert readings(SensorPayload(size=10), 1, first=7)[0].seq == 7


def test_a_seed_repeats_devices_and_temperatures() -> None:
    assert readings(sensors(5), 50) == readings(sensors(5), 50)


@pytest.mark.parametrize("step", [1, 3, 64])
@pytest.mark.parametrize("marked", [False, True])
def test_in_bulk_numbers_times_and_shares_are_the_same(step: int, marked: bool) -> None:
    payload = sensors(hot=0.2, marked=marked)
    found, first = [], step - 1
    for count in (300, 700, *([1000] * 200), 500):
        seqs = range(first, first + count * step, step)
        messages = [message for _, batch in payload.bulk(seqs, DUE + first) for message in batch]
        for seq, message in zip(seqs, messages, strict=True):
            reading = msgspec.json.decode(message["value"], type=Reading)
            assert (reading.seq, reading.sent_at) == (seq, DUE + first)
            assert message["key"] == reading.device_id.encode()
            assert not marked or marked_number(reading.temperature) == seq
            found.append(reading.temperature > HOT_ABOVE)
        first += count * step
    assert sum(found) == pytest.approx(0.2 * len(found), rel=0.1)


@pytest.mark.parametrize("step", [1, 7])
@pytest.mark.parametrize("marked", [False, True])
def test_in_bulk_values_are_padded_to_their_size_whatever_digits_their_numbers_have(step: int, marked: bool) -> None:
    payload = sensors(size=200, marked=marked)
    for first in (0, 8000, 9000, 10_000, 99_000, 999_000, 1_000_000, 15_000_000):
        seqs = range(first * step, (first + 1000) * step, step)
        found = [message["value"] for _, batch in payload.bulk(seqs, DUE) for message in batch]
        assert {len(value) for value in found} == {200}
        assert [msgspec.json.decode(value)["seq"] for value in found] == list(seqs)


def test_in_bulk_readings_are_made_anew_now_and_then() -> None:
    payload = sensors()
    seen = set()
    for first in range(1000, 16_000 * 130, 16_000):
        _, batch = next(iter(payload.bulk(range(first, first + 1000), DUE)))
        seen.add(tuple(message["value"].partition(b',"sent_at')[0] for message in batch))
    assert len(seen) == 3  # of 130 times that the place was sent


def test_in_bulk_records_of_one_partition_are_together() -> None:
    payload = sensors(partitioner=crc32_partitioner(4))
    batches = list(payload.bulk(range(1000, 2000), DUE))
    assert [partition for partition, _ in batches] == [0, 1, 2, 3]
    assert all(zlib.crc32(message["key"]) % 4 == partition for partition, batch in batches for message in batch)


@pytest.mark.parametrize("seq", [0, 7, 123_456, 9_999_999_999])
def test_a_temperature_can_tell_its_record_after_it_was_decoded_and_encoded_again(seq: int) -> None:
    (reading,) = readings(SensorPayload(marked=True), 1, first=seq)
    again = msgspec.json.decode(msgspec.json.encode(reading), type=Reading)
    assert marked_number(again.temperature) == seq


def test_zipf_prefers_the_first_keys() -> None:
    taken = Keys(1000, 1.0, random.Random(1)).take(10_000)
    assert taken.count(0) == pytest.approx(10_000 / 7.49, rel=0.2)  # the sum of 1/r up to 1000
    assert taken.count(0) > 3 * taken.count(9)


@pytest.mark.parametrize("of", [1, 2, 5])
def test_zipf_is_the_same_however_many_processes_send(of: int) -> None:
    taken: Counter[int] = Counter()
    for first in range(of):
        taken.update(Keys(1000, 1.1, random.Random(first), first=first, of=of).take(100_000 // of))
    whole = sum(rank**-1.1 for rank in range(1, 1001))
    for key in (0, 1, 2, 9):
        assert taken[key] == pytest.approx(100_000 * (key + 1) ** -1.1 / whole, rel=0.06)


def test_no_two_processes_share_a_key() -> None:
    taken = [set(Keys(10, None, random.Random(1), first=first, of=3).take(500)) for first in range(3)]
    assert taken == [{0, 3, 6, 9}, {1, 4, 7}, {2, 5, 8}]
    few = [set(Keys(10, 1.0, random.Random(1), first=first, of=2).take(5000)) for first in range(2)]
    assert few[0] | few[1] == set(range(10))
    assert not few[0] & few[1]
