"""A process that was started with standard streams closed has all three, and so have its children."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, subprocess, sys
from supervisor import streams
streams.complete()
print("into nothing, and no error")
leads = [os.readlink(f"/proc/self/fd/{number}") for number in range(3)]
child = "import os, sys; sys.exit(sum(not os.path.exists(f'/proc/self/fd/{number}') for number in range(3)))"
missing = subprocess.run([sys.executable, "-c", child], check=False).returncode
with open(sys.argv[1], "w") as told:
    told.write("\\n".join([*leads, str(missing)]))
"""


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", ">&-", "2>&-", "<&-"])
def test_a_closed_stream_leads_nowhere(closed: str, tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", SCRIPT, str(told)]
    subprocess.run(command, check=True, stdin=subprocess.PIPE, capture_output=True)
    *leads, missing = told.read_text().split()
    assert missing == "0"
    assert leads.count("/dev/null") == closed.count("-")
