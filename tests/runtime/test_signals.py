"""What SIGINT and SIGTERM do: the first ends in order, the second at once."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from femb_cli.runtime.signals import SIGNALS, Interrupted, StopRequests, interruption_says, raise_on_signals


@pytest.fixture(autouse=True)
def _handlers_as_before():
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number, exit_code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_raises_an_interruption(number, exit_code):
    raise_on_signals()
    with pytest.raises(Interrupted) as caught:
        send(number)
    assert (caught.value.signal_number, caught.value.exit_code, caught.value.message) == (number, exit_code, "")


def test_an_interruption_keeps_the_first_message_that_it_gets():
    with pytest.raises(Interrupted, match="inner"), interruption_says("outer"), interruption_says("inner"):
        raise Interrupted(signal.SIGTERM)


def test_inside_stop_requests_the_first_signal_only_asks_to_stop():
    with StopRequests() as stop:
        assert stop.agreed() == 0
        send(signal.SIGTERM)
        assert stop.agreed() == signal.SIGTERM


def test_stop_requests_put_the_handlers_back_if_no_signal_came():
    raise_on_signals()
    with StopRequests():
        pass
    with pytest.raises(Interrupted):
        send(signal.SIGINT)


def test_outside_the_main_thread_stop_requests_change_no_handler():
    before, agreed = signal.getsignal(signal.SIGTERM), []

    def train():
        with StopRequests() as stop:
            agreed.append(stop.agreed())

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert agreed == [0]
    assert signal.getsignal(signal.SIGTERM) is before


SECOND = """
import os, signal, sys
from femb_cli.runtime.signals import Interrupted, StopRequests, raise_on_signals
if sys.argv[1] == "stop":
    StopRequests().__enter__()
else:
    raise_on_signals()
try:
    os.kill(os.getpid(), signal.SIGTERM)
except Interrupted:
    pass
print("after the first", flush=True)
os.kill(os.getpid(), signal.SIGINT)
print("after the second", flush=True)
"""


@pytest.mark.parametrize("mode", ["raise", "stop"])
def test_the_second_signal_ends_the_process_at_once(mode):
    ended = subprocess.run([sys.executable, "-c", SECOND, mode], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "after the first\n", "")


def test_under_a_launcher_the_same_signal_may_arrive_twice(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "0")
    with StopRequests() as stop:
        send(signal.SIGINT)
        send(signal.SIGTERM)
        assert stop.agreed() == signal.SIGINT
