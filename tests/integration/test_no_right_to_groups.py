"""What reads beside all groups needs no right to any."""

from confluent_kafka.admin import AclOperation, ResourceType

from tests.conftest import MakeScene
from tests.integration.test_load_verify import found
from tests.support.broker import OwnBroker
from tests.support.dead_letters import fill, letter, run_dead
from tests.support.rights import Rights
from tests.support.topics import Topics


def test_letters_are_listed_and_loads_verified(make_scene: MakeScene, strict_broker: OwnBroker) -> None:
    topics = Topics(strict_broker.bootstrap)
    scene = make_scene(topics)
    fill(scene, (letter(scene, seq) for seq in range(8)))
    Rights(topics.bootstrap, ResourceType.GROUP, "*", AclOperation.READ).deny()
    Rights(topics.bootstrap, ResourceType.GROUP, "*", AclOperation.DESCRIBE).deny()
    assert "8 of 8 open letters" in run_dead(scene, "list", scene.input)
    code, result, _ = found(scene, "--count", "1000", "--expect", "some", "--wait", "1")
    assert (code, result["verified"]["records"], result["verified"]["error"]) == (0, 1000, None)
