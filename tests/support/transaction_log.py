"""What a broker that is down has last written of each transaction, read from its log by Kafka's own tool."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.support import jars

_STATE: Final = re.compile(r"transactionalId=(?P<id>[^,}]+).*?payload:.*?state=(?P<state>\w+)")


def last_states(data: Path) -> Mapping[str, str]:
    """The last state of each transaction by its transactional id, such as "PrepareCommit".

    Args:
        data: the broker's `log.dirs`.
    """
    segments = sorted(data.glob("__transaction_state-*/*.log"))
    tool = ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", jars.classpath(), "kafka.tools.DumpLogSegments"]
    done = subprocess.run(
        [*tool, "--transaction-log-decoder", "--files", ",".join(map(str, segments))],
        capture_output=True,
        text=True,
        check=True,
    )
    return {found["id"]: found["state"] for found in _STATE.finditer(done.stdout)}
