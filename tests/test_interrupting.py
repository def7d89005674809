"""An interrupt counts even where the code that runs has dropped it."""

from __future__ import annotations

import signal
import threading

import pytest

from tinytorch_milestones.interrupting import interrupts_heard


class DropsIt:
    """What is raised in a finalizer is printed and forgotten."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_dropped_interrupt_is_raised_at_the_next_check() -> None:
    with interrupts_heard() as check:
        check()
        dropped = DropsIt()
        del dropped
        with pytest.raises(KeyboardInterrupt):
            check()


def test_an_interrupt_is_still_raised_at_once() -> None:
    with interrupts_heard(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_the_handler_before_is_back_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)

    @interrupts_heard()
    def fails() -> None:
        assert signal.getsignal(signal.SIGINT) is not before
        raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_process_that_ignores_interrupts_goes_on_doing_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_heard() as check:
            signal.raise_signal(signal.SIGINT)
            check()
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_hears_nothing() -> None:
    heard = []

    def work() -> None:
        with interrupts_heard() as check:
            check()
            heard.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert heard == [before]
