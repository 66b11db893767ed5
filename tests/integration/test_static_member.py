"""A static member gets back what it had, also of a topic that its app reads no more: that one is left alone."""

from signal import SIGKILL

import pytest

from tests.conftest import MakeScene
from tests.support.readings import reading
from tests.support.scene import Scene
from tests.support.topics import Topics


@pytest.fixture
def scene(make_scene: MakeScene) -> Scene:
    return make_scene(partitions=2)


def test_an_app_that_has_lost_an_agent(scene: Scene, topics: Topics) -> None:
    other_input, other_output = topics.create("in-2", 1), topics.create("out-2", 1)
    static = {"KAFKA_GROUP_INSTANCE_ID": "one", "KAFKA_SESSION_TIMEOUT_MS": "20000"}
    before = scene.pool(
        "tests.apps.two_agents:app", env={**static, "APP_INPUT_2": other_input, "APP_OUTPUT_2": other_output}
    )
    before.wait_running(3)
    before.signal_all(SIGKILL)
    before.wait_exit(10)
    after = scene.pool(env=static)
    assert after.wait_event("partitions_unread")["partitions"] == [f"{other_input}[0]"]
    after.wait_running(2)
    topics.send(scene.input, map(reading, range(100)))
    assert scene.wait_done().missing(100) == set()
    assert after.terminate() == 0
