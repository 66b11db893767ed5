"""A member that the group has fenced ends, with a code of its own: another holds its place."""

from tests.support.readings import reading
from tests.support.scene import Scene
from workers.errors import ExitCode


def test_two_of_one_static_member(scene: Scene) -> None:
    env = {"KAFKA_GROUP_INSTANCE_ID": "the-one"}
    first = scene.pool(env=env).wait_running()
    second = scene.pool(env=env)
    assert first.wait_exit(20) == ExitCode.GROUP
    first.assert_gone()
    second.wait_running()
    scene.topics.send(scene.input, map(reading, range(100)))
    assert scene.wait_done().missing(100) == set()
