"""What the fork server is told at its start."""

import os
import selectors

import pytest

from supervisor.forks import ForkServer
from workers.errors import ConfigInvalid
from workers.protocol import Setup
from workers.settings import Settings
from workers.slot import SLOT_BYTES, SlotTable


@pytest.mark.parametrize("size", [150_000, 300_000])
def test_settings_that_are_too_long_are_refused_with_the_longest(size: int) -> None:
    settings = Settings(kafka={"bootstrap.servers": "k:1", "ssl.ca.pem": "x" * size})
    fd = os.memfd_create("slots")
    os.ftruncate(fd, SLOT_BYTES)
    with selectors.DefaultSelector() as selector, pytest.raises(ConfigInvalid, match=r"ssl\.ca\.pem: name .* in place"):
        ForkServer(Setup("a:b", settings, "/"), fd, SlotTable(fd, 1), selector, lambda _: None)
    os.close(fd)
