import signal
import threading
import time

import pytest

from genrl.stop_signals import StopSignals, stop_requested, uninterrupted

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_and_a_second_would_end_the_process(number, capfd):
    before = [signal.getsignal(each) for each in SIGNALS]
    with StopSignals() as stop:
        assert not stop.requested
        assert not stop_requested()
        signal.raise_signal(number)
        assert stop.requested
        assert stop.number == number
        assert stop_requested()
        assert "once more stops at once" in capfd.readouterr().err
        assert [signal.getsignal(each) for each in SIGNALS] == [signal.SIG_DFL] * 2
    assert [signal.getsignal(each) for each in SIGNALS] == before
    assert not stop_requested()


def test_handlers_are_put_back_after_an_error_too():
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(RuntimeError), StopSignals():
        raise RuntimeError
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS)
def test_at_once(number):
    with StopSignals(at_once=True) as stop, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert stop.number == number


def wait_for_interrupt(seconds=30.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)
    pytest.fail("no KeyboardInterrupt came")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no such timer")
class TestGrace:
    def test_what_does_not_end_by_itself_is_interrupted(self):
        alarm = signal.getsignal(signal.SIGALRM)
        with StopSignals(grace_seconds=0.05):
            signal.raise_signal(signal.SIGTERM)
            with pytest.raises(KeyboardInterrupt):
                wait_for_interrupt()
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        assert signal.getsignal(signal.SIGALRM) is alarm

    def test_again_where_the_first_was_swallowed(self, monkeypatch):
        monkeypatch.setattr("genrl.stop_signals.SECONDS_BETWEEN_INTERRUPTS", 0.05)
        with StopSignals(grace_seconds=0.05):
            signal.raise_signal(signal.SIGTERM)
            for _ in range(2):
                with pytest.raises(KeyboardInterrupt):
                    wait_for_interrupt()

    def test_it_waits_until_what_must_be_whole_is_written(self):
        written = False
        with StopSignals(grace_seconds=0.05):
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt), uninterrupted():  # noqa: PT012
                time.sleep(0.2)
                written = True
        assert written

    def test_a_loop_that_ends_in_time_is_not_interrupted(self):
        with StopSignals(grace_seconds=0.05):
            signal.raise_signal(signal.SIGINT)
        time.sleep(0.1)

    def test_none_waits_for_ever(self):
        with StopSignals(grace_seconds=None):
            signal.raise_signal(signal.SIGINT)
            assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_error_while_writing_is_not_hidden_by_the_signal():
    with StopSignals(at_once=True), pytest.raises(OSError, match="no space"), uninterrupted():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        raise OSError("no space")


def test_nested_ones_share_what_came():
    with StopSignals() as outer:
        with StopSignals() as inner:
            signal.raise_signal(signal.SIGTERM)
            assert inner.requested
        assert outer.requested
        assert stop_requested()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        with StopSignals() as later:
            assert later.requested
            assert later.number == signal.SIGTERM


def test_the_innermost_says_how():
    with StopSignals(at_once=True) as outer, StopSignals() as inner:
        signal.raise_signal(signal.SIGTERM)
    assert outer.requested
    assert inner.requested


def test_interruptible_parts():
    with StopSignals() as stop:
        with pytest.raises(KeyboardInterrupt), stop.interruptible():
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), stop.interruptible():
            pytest.fail("it does not begin any more")
        assert not stop.at_once


def test_another_thread_handles_no_signals():
    seen = []

    def work():
        with StopSignals() as stop, uninterrupted():
            seen.append(stop.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


def test_closing_twice_is_closing_once():
    before = signal.getsignal(signal.SIGINT)
    stop = StopSignals()
    with stop:
        stop.close()
        assert signal.getsignal(signal.SIGINT) is before
    assert signal.getsignal(signal.SIGINT) is before
