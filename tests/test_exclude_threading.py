"""``patch_all(exclude={"threading"})``: green I/O beside native threads, a world of its own."""

from __future__ import annotations

from .fresh import in_fresh_python


@in_fresh_python
def test_threads_are_native_and_blocking_calls_in_them_are_the_originals() -> None:
    import greenbridge  # isort: skip
    import _thread
    import threading

    lock, rlock, local = threading.Lock, _thread.RLock, threading.local
    greenbridge.patch_all(exclude={"threading"})
    import socket
    import subprocess
    import time
    import urllib.request
    from concurrent.futures import ThreadPoolExecutor
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    assert (threading.Lock, _thread.RLock, threading.local) == (lock, rlock, local)
    assert not greenbridge.is_module_patched("threading")
    assert not greenbridge.is_module_patched("_thread")
    assert greenbridge.is_module_patched("socket")

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(0.001)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(str(threading.get_native_id()).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    accepting = threading.Thread(target=server.serve_forever, args=(0.01,))
    accepting.start()
    url = f"http://127.0.0.1:{server.server_port}/"

    def work(_: object = None) -> tuple[int, int]:
        with urllib.request.urlopen(url, timeout=20) as answer:
            served = int(answer.read())
        assert subprocess.run(["true"], timeout=20, check=True).returncode == 0
        assert socket.getaddrinfo("localhost", 80)
        return served, threading.get_native_id()

    def main() -> list[tuple[int, int]]:
        green = [greenbridge.spawn(work) for _ in range(8)]
        return [thread.get(timeout=20) for thread in green]

    here = threading.get_native_id()
    with ThreadPoolExecutor(8) as executor:
        futures = [executor.submit(work) for _ in range(8)]
        of_green = greenbridge.run(main)
        of_native = [future.result(20) for future in futures]
    server.shutdown()
    accepting.join()
    server.server_close()
    assert {runs for _, runs in of_green} == {here}, "spawned: one OS thread"
    assert here not in {runs for _, runs in of_native}
    assert here not in {served for served, _ in of_green + of_native}


@in_fresh_python
def test_greenbridges_locks_and_queues_serve_green_and_native_threads() -> None:
    import greenbridge  # isort: skip

    greenbridge.patch_all(exclude={"threading"})
    import queue
    import threading
    import time

    from greenbridge._hubs import current_hub

    lock = greenbridge.Lock()
    items: queue.Queue[int] = queue.Queue(2)  # the table of queue is not excluded
    inside, most = 0, 0

    def hold() -> None:
        nonlocal inside, most
        for _ in range(10):
            with lock:
                inside += 1
                most = max(most, inside)
                time.sleep(0.0005)
                inside -= 1
            items.put(1)

    def main() -> int:
        native = [threading.Thread(target=hold) for _ in range(3)]
        green = [greenbridge.spawn(hold) for _ in range(3)]
        for thread in native:
            thread.start()
        taken = sum(items.get(timeout=20) for _ in range(60))
        greenbridge.joinall(green)
        for thread in native:
            greenbridge.offload(thread.join)  # join() itself would hold the loop up
        hub = current_hub()
        assert hub is not None
        assert hub.stalls == 0
        return taken

    assert greenbridge.run(main) == 60
    assert (inside, most) == (0, 1)
