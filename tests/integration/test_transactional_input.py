"""Behind a transactional producer's markers and aborted records lag still reaches 0."""

from confluent_kafka import Producer

from tests.support.readings import encode, reading
from tests.support.scene import Scene


def test_lag_reaches_zero(scene: Scene) -> None:
    producer = Producer({"bootstrap.servers": scene.topics.bootstrap, "transactional.id": scene.group, "log_level": 3})
    producer.init_transactions(30)
    for turn in range(5):
        producer.begin_transaction()
        for seq in range(turn * 10, turn * 10 + 10):
            producer.produce(scene.input, encode(reading(seq)), partition=seq % 4)
        producer.flush()
        if turn == 4:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    scene.pool().wait_running()
    results = scene.wait_done()
    assert sorted(results.copies) == list(range(40))
