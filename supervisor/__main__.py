"""`python -m supervisor`: the command line, once it is sure that this package is all of one piece."""

import sys
from importlib import import_module
from pathlib import Path

from supervisor import streams
from supervisor.signals import hold

_SUPERVISORD = Path(__file__).with_name("supervisord.py")


def main() -> None:
    """Run the command line and exit with its code."""
    hold()  # before anything else is imported: all that takes longer than some containers are given
    streams.complete()
    # Both distributions put files of the same names here, so whichever came last has overwritten the other's.
    if _SUPERVISORD.exists():
        sys.stderr.write(
            f"Error: {_SUPERVISORD} belongs to PyPI's `supervisor` (supervisord), installed into the same directory as"
            " partition-pool; they share this package's name and cannot live together. Give each a virtual"
            " environment of its own, or: pip uninstall supervisor; pip install --force-reinstall partition-pool\n"
        )
        sys.exit(import_module("workers.errors").ExitCode.USAGE)
    import_module("supervisor.cli").main()


if __name__ == "__main__":
    main()
