import os
import signal

import pytest

from seqwise.interruption import Stopped, StopRequest

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@BOTH
def test_a_signal_is_granted_at_the_next_step(number):
    with StopRequest(lambda: False) as stop:
        stop.grant()
        os.kill(os.getpid(), number)
        assert stop.signal == number
        with pytest.raises(Stopped) as caught:
            stop.grant()
    assert caught.value.signal == number


@BOTH
def test_a_signal_is_granted_at_once_where_work_may_be_left(number):
    with StopRequest(lambda: True), pytest.raises(Stopped) as caught:
        os.kill(os.getpid(), number)
    assert caught.value.signal == number


def test_signals_are_what_they_were_afterwards():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with StopRequest(lambda: False):
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_nobody_catches_it_by_chance():
    assert not issubclass(Stopped, Exception)
