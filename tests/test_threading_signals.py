"""Signals and Ctrl-C in a threaded program, plain and patched."""

from __future__ import annotations

from .both import as_plain_and_patched
from .fresh import in_fresh_python


@in_fresh_python
def test_ctrl_c_is_for_the_main_program_not_for_its_threads() -> None:
    import greenbridge.auto  # noqa: F401  # isort: skip
    import os
    import signal
    import threading

    import pytest

    ended: list[str] = []

    def interrupts() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        ended.append("in order")

    thread = threading.Thread(target=interrupts)
    with pytest.raises(KeyboardInterrupt):
        thread.start()
        thread.join()
    thread.join()
    assert ended == ["in order"]


@in_fresh_python
def test_a_second_ctrl_c_ends_a_thread_that_computes_without_a_pause() -> None:
    import greenbridge.auto  # noqa: F401  # isort: skip
    import os
    import signal
    import threading

    import pytest

    seen: list[type[BaseException]] = []
    threading.excepthook = lambda args: seen.append(args.exc_type)

    def computes() -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):
                sum(range(100))
        seen.append(RuntimeError)  # pragma: no cover  # what must not happen

    thread = threading.Thread(target=computes)
    with pytest.raises(KeyboardInterrupt):
        thread.start()
        thread.join()
    thread.join()
    assert seen == [KeyboardInterrupt]


@in_fresh_python
def test_ctrl_c_with_the_default_handler_set_again_is_the_main_programs() -> None:
    import greenbridge.auto  # noqa: F401  # isort: skip
    import _thread
    import signal
    import threading

    import pytest

    thread = threading.Thread(target=_thread.interrupt_main)
    thread.start()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    assert before is signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        thread.join()
    thread.join()


@as_plain_and_patched
def test_a_signal_handler_runs_as_the_main_thread() -> None:
    import os
    import signal
    import threading

    seen: list[object] = []
    main = threading.main_thread()
    twice = threading.Semaphore(0)

    def handler(signum: int, frame: object) -> None:
        seen.append((threading.get_ident() == main.ident, threading.current_thread() is main))
        twice.release()

    def send() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        go.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    go = threading.Event()
    signal.signal(signal.SIGUSR1, handler)
    thread = threading.Thread(target=send)
    thread.start()
    assert twice.acquire(timeout=20)
    go.set()
    # Plain Python: the signal is the other thread's, and this one hears of it when its time is up.
    assert twice.acquire(timeout=2)
    thread.join()
    assert seen == [(True, True)] * 2
