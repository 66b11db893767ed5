"""The generator's records: numbered, timed, hot as asked, of the size that was asked for."""

import time

import msgspec
import pytest

from supervisor.payload import HOT_ABOVE, Reading, SensorPayload


def readings(payload: SensorPayload, count: int) -> list[Reading]:
    return [msgspec.json.decode(payload.record(seq).value, type=Reading) for seq in range(count)]


def test_a_record_carries_its_number_the_time_and_its_device_as_key() -> None:
    before = time.time_ns()
    record = SensorPayload().record(41)
    reading = msgspec.json.decode(record.value, type=Reading)
    assert reading.seq == 41
    assert before <= reading.sent_at <= time.time_ns()
    assert record.key == reading.device_id.encode()


@pytest.mark.parametrize(("hot", "expected"), [(0.0, 0), (1.0, 1000)])
def test_all_or_none_are_hot(hot: float, expected: int) -> None:
    assert sum(reading.temperature > HOT_ABOVE for reading in readings(SensorPayload(hot=hot), 1000)) == expected


def test_the_share_of_hot_readings_is_kept() -> None:
    found = sum(reading.temperature > HOT_ABOVE for reading in readings(SensorPayload(hot=0.2, seed=1), 10_000))
    assert found == pytest.approx(2000, rel=0.1)


def test_no_more_devices_than_asked_for() -> None:
    assert len({reading.device_id for reading in readings(SensorPayload(devices=3), 200)}) == 3


@pytest.mark.parametrize("size", [110, 111, 300, 5000])
def test_a_value_is_padded_to_its_size_and_reads_as_before(size: int) -> None:
    value = SensorPayload(size=size).record(7).value
    assert len(value) == size
    assert msgspec.json.decode(value, type=Reading).seq == 7
    assert set(msgspec.json.decode(value)) == {"device_id", "temperature", "seq", "sent_at", "pad"}


def test_a_value_is_never_cut() -> None:
    assert msgspec.json.decode(SensorPayload(size=10).record(7).value, type=Reading).seq == 7


def test_a_seed_repeats_devices_and_temperatures() -> None:
    def facts(payload: SensorPayload) -> list[tuple[str, float]]:
        return [(reading.device_id, reading.temperature) for reading in readings(payload, 50)]

    assert facts(SensorPayload(seed=5)) == facts(SensorPayload(seed=5))
