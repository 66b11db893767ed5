"""A pool's status as a table: nothing is cut in 80 columns, and what is unknown is a dash."""

from rich.console import Console

from supervisor.status import PartitionStatus, PoolStatus
from supervisor.table import status_table


def drawn(status: PoolStatus, width: int = 80) -> list[str]:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(status_table(status, "alerts", width))
    return capture.get().splitlines()


def words(line: str) -> str:
    return " ".join(line.split())


def pool(*partitions: PartitionStatus, generation: int | None = 3) -> PoolStatus:
    return PoolStatus(
        state="running",
        group="iot-alerts",
        protocol="classic",
        generation=generation,
        uptime_s=3723.4,
        partitions=list(partitions),
    )


def busy(number: int, topic: str = "real-time-data", restarts: int = 0) -> PartitionStatus:
    return PartitionStatus(
        topic=topic,
        partition=number,
        pid=10_000 + number,
        state="running",
        position=1_234_567,
        committed=1_234_500,
        end=1_234_600,
        lag=100,
        records=9,
        results=50,
        restarts=restarts,
        rate=250.4,
    )


def test_a_row_for_each_partition_and_their_sum_in_80_columns() -> None:
    lines = drawn(pool(busy(1, restarts=2), busy(0)))
    assert lines[0].split()[:2] == ["iot-alerts", "running"]
    assert "generation 3" in lines[0]
    assert words(lines[2]) == "partition worker state position committed lag rec/s alerts restarts"
    assert words(lines[3]) == "0 10000 running 1,234,567 1,234,500 100 250 50 0"
    assert words(lines[4]) == "1 10001 running 1,234,567 1,234,500 100 250 50 2"
    assert words(lines[5]) == "total 200 501 100 2"


def test_what_is_not_known_is_a_dash() -> None:
    lines = drawn(pool(PartitionStatus(topic="t", partition=7, state="backing_off")))
    assert words(lines[3]) == "7 - backing off - - - 0 0 0"


def test_topics_are_named_where_there_are_several() -> None:
    lines = drawn(pool(busy(0, "b"), busy(0, "a")), 120)
    assert [line.split()[0] for line in lines[3:5]] == ["a[0]", "b[0]"]


def test_dead_letters_show_once_there_are_any() -> None:
    letters = PartitionStatus(topic="t", partition=0, state="running", dead_letters=4)
    assert "dead" in drawn(pool(letters))[2].split()
    assert "dead" not in drawn(pool(busy(0)))[2].split()


def test_a_guarded_partition_says_so_while_its_worker_runs() -> None:
    guarded = [PartitionStatus(topic="t", partition=0, state=state, guarded=True) for state in ("running", "draining")]
    lines = drawn(pool(*guarded))
    assert [line.split()[2] for line in lines[3:5]] == ["guarded", "draining"]


def test_a_pool_without_partitions_says_so() -> None:
    lines = drawn(pool(generation=None))
    assert "no partitions" in lines[0]
    assert "up 1 h 2 min" in lines[0]
