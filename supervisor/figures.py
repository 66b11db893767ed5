"""What a pool takes, measured; `python -m tests.benchmarks.sizing` prints these figures on any machine.

These are of two virtual cores, Python 3.11, readings of 70 bytes of which every twentieth has a result. Yours may be
half as fast: `plan` leaves room, and your handler mostly counts for more than all of this.
"""

from typing import Final

MIB: Final = 1024**2

RECORD_SECONDS: Final = 3.3e-6
"""Time of a worker for one record, without the user's handler, on cores that it shares with the broker."""
RECORD_CPU: Final = 1.4e-6
"""CPU of that: fetched, decoded, handed over, acknowledged."""
SUPERVISOR_CORES: Final = 0.005
"""CPU of a supervisor that only keeps watch."""
WORKER_CORES: Final = 0.0025
"""CPU of a worker that waits for records."""
SUPERVISOR_BYTES: Final = 64 * MIB
"""Supervisor (34 MiB) and fork server (12 MiB) with a small app imported, and some room."""
WORKER_BYTES: Final = 80 * MIB
"""A worker that drains a backlog of readings holds 55 MiB, of larger records, whose queue takes up to 32 MiB, some 75;
one that keeps up 35."""
