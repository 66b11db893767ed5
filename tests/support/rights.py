"""Who may do what, on a broker that asks."""

from collections.abc import Mapping
from typing import Final

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.support.topics import TIMEOUT

STRICT: Final[Mapping[str, str]] = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}
"""A broker's settings with which rules hold. What no rule is about, everybody may do."""


class Rights:
    """Denies everybody an operation, and takes that back.

    Args:
        bootstrap: the broker's address.
        kind: of what.
        name: of which; `*` for all.
        operation: what nobody is to do; all the rest everybody may.
    """

    def __init__(self, bootstrap: str, kind: ResourceType, name: str, operation: AclOperation) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
        self._which = (kind, name, ResourcePatternType.LITERAL, "User:*", "*")
        self._denied = (*self._which, operation, AclPermissionType.DENY)

    def deny(self) -> None:
        allowed = (*self._which, AclOperation.ALL, AclPermissionType.ALLOW)
        for made in self._admin.create_acls([AclBinding(*self._denied), AclBinding(*allowed)]).values():
            made.result(TIMEOUT)

    def allow(self) -> None:
        denial = AclBindingFilter(*self._denied)
        self._admin.delete_acls([denial])[denial].result(TIMEOUT)
