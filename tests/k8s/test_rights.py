"""The rights that the manifests give the pool's user are enough, on a broker that refuses everything else."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.k8s.kustomize import DEPLOY, Manifest, build, one
from tests.support.broker import JvmBroker
from tests.support.pool import Pool
from tests.support.process import free_port
from tests.support.topics import Topics
from tests.support.wait import wait_for

USER, PASSWORD = "pool-kafka", "not-a-secret"
OPERATIONS = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}
RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactionalId": ResourceType.TRANSACTIONAL_ID,
}
PATTERNS = {"literal": ResourcePatternType.LITERAL, "prefix": ResourcePatternType.PREFIXED}
PARTITIONS = 4


@pytest.fixture
def guarded() -> Iterator[tuple[JvmBroker, str]]:
    """A broker with accounts and rights: the listener of the tests, who may everything; and that of accounts."""
    admin, accounts, controller = free_port(), free_port(), free_port()
    broker = JvmBroker(
        {
            "listeners": f"OPEN://127.0.0.1:{admin},ACCOUNTS://127.0.0.1:{accounts},"
            f"CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"OPEN://127.0.0.1:{admin},ACCOUNTS://127.0.0.1:{accounts}",
            "listener.security.protocol.map": "OPEN:PLAINTEXT,ACCOUNTS:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "inter.broker.listener.name": "OPEN",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.accounts.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        },
        "--add-scram",
        f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]",
    )
    broker.bootstrap = f"127.0.0.1:{admin}"
    try:
        broker.start()
        yield broker, f"127.0.0.1:{accounts}"
    finally:
        broker.remove()


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_they_are_enough(guarded: tuple[JvmBroker, str], guarantee: str, tmp_path: Path) -> None:
    broker, accounts = guarded
    manifests = build(DEPLOY / "overlays" / "production")
    topics = Topics(broker.bootstrap)
    for topic in (it["spec"] for it in manifests if it["kind"] == "KafkaTopic"):
        topics.create_named(
            topic["topicName"], PARTITIONS, {"max.message.bytes": topic["config"].get("max.message.bytes", "1048588")}
        )
    _grant(broker.bootstrap, one(manifests, "KafkaUser"))
    names = json.loads((DEPLOY / "overlays" / "production" / "plan.json").read_text())["spec"]
    hot = {"device_id": "d", "temperature": 51.0, "seq": 1, "sent_at": 1}
    values = [json.dumps(hot).encode()] * 20 + [b"no reading"]
    pool = Pool(
        accounts,
        "supervisor.demo_app:app",
        tmp_path,
        env={
            "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": USER,
            "KAFKA_SASL_PASSWORD": PASSWORD,
            "POOL_GUARANTEE": guarantee,
        },
    )
    try:
        pool.wait_running(PARTITIONS)
        topics.send_raw(names["topic"], ({"value": value, "partition": n % 4} for n, value in enumerate(values)))
        wait_for(lambda: topics.lag(names["group"], names["topic"]) == 0, 30, pool.log_tail)
        assert pool.terminate() == 0
    finally:
        pool.close()
    assert len(topics.read(names["output"])) == 20
    assert len(topics.read(names["deadLetters"])) == 1
    assert [event for event in pool.events() if "AUTHORIZATION" in str(event).upper()] == []


def _grant(bootstrap: str, user: Manifest) -> None:
    bindings = [
        AclBinding(
            RESOURCES[acl["resource"]["type"]],
            acl["resource"]["name"],
            PATTERNS[acl["resource"]["patternType"]],
            f"User:{user['metadata']['name']}",
            "*",
            OPERATIONS[operation],
            AclPermissionType.ALLOW,
        )
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
    ]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for made in admin.create_acls(bindings).values():
        made.result(30)
