"""Signals become a question to a loop, and are handed back behind it."""

import os
import signal
import threading

import pytest

from supervisor.interrupt import Interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_noted_and_the_second_is_impatience(number: signal.Signals) -> None:
    with Interrupt() as interrupt:
        told = [(interrupt.requested, interrupt.impatient)]
        for _ in range(2):
            os.kill(os.getpid(), number)
            assert interrupt.wait(5)
            told.append((interrupt.requested, interrupt.impatient))
    assert told == [(False, False), (True, False), (True, True)]


def test_a_signal_ends_a_wait() -> None:
    with Interrupt() as interrupt:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        assert interrupt.wait(30)


def test_what_is_ignored_stays_so() -> None:
    """As `nohup` has it for SIGHUP."""
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupt.wait(0.05)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, former)


def test_behind_it_signals_are_as_before() -> None:
    former = signal.getsignal(signal.SIGINT)
    with Interrupt():
        assert signal.getsignal(signal.SIGINT) != former
    assert signal.getsignal(signal.SIGINT) == former
