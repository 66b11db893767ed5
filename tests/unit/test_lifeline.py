"""A worker has no terminal: beside the foreground, whoever asks there for a password is stopped, and waits for ever."""

import subprocess
import sys

AT_A_TERMINAL = """
import fcntl, os, termios
from workers.lifeline import leave_terminal

ours, theirs = os.openpty()
fcntl.ioctl(theirs, termios.TIOCSCTTY)
os.close(os.open("/dev/tty", os.O_RDWR))
if (child := os.fork()) == 0:
    os.setpgid(0, 0)
    leave_terminal()
    leave_terminal()  # where there is none
    try:
        os.open("/dev/tty", os.O_RDWR)
    except OSError:
        os._exit(0)
    os._exit(1)
_, status = os.waitpid(child, os.WUNTRACED)
assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0, status
os.close(os.open("/dev/tty", os.O_RDWR))
"""


def test_what_is_beside_the_foreground_has_no_terminal() -> None:
    subprocess.run([sys.executable, "-c", AT_A_TERMINAL], start_new_session=True, timeout=30, check=True)
