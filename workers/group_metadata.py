"""The supervisor's proof of membership: its consumer's group metadata, which workers send with their transactions."""

import struct
from typing import Final

_GENERATION_AT: Final = 7
"""Bytes of librdkafka's magic, before the generation as 32 bits in host order."""
_GENERATION_BYTES: Final = 4


def generation_of(metadata: bytes) -> int:
    """The generation, or with KIP-848 the member's epoch; -1 before the join, and where there is no metadata."""
    if len(metadata or b"") < _GENERATION_AT + _GENERATION_BYTES:
        return -1
    return int(struct.unpack_from("=i", metadata, _GENERATION_AT)[0])


def proves_membership(metadata: bytes) -> bool:
    """Whether this is a joined member's: brokers take any other unchecked."""
    return generation_of(metadata) > 0
