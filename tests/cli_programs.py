"""Programs that must behave under ``python -m greenbridge`` as under ``python``."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
import textwrap
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .conftest import FRESH_TIMEOUT, ROOT

if TYPE_CHECKING:
    from pathlib import Path

SHOW_MAIN = """
    import sys
    shown = {k: str(v).partition(" object at ")[0] for k, v in vars().items()}
    for name in sorted(shown):
        print(name, shown[name])
    print(sys.argv, sys.path[0], sys.modules["__main__"].__dict__ is vars())
"""
BROKEN = """
    def outer(number):
        try:
            inner(number)
        except ZeroDivisionError as error:
            raise ValueError("not so") from error

    def inner(number):
        return 1 / number

    outer(0)
"""
ENDS = {
    "code": "sys.exit(3)",
    "zero": "sys.exit(0)",
    "none": "sys.exit(None)",
    "text": "sys.exit('what went wrong')",
    "object": "sys.exit((1, 2))",
    "negative": "sys.exit(-1)",
    "large": "sys.exit(300)",
    "true": "sys.exit(True)",
    "hard": "sys.stdout.flush(); os._exit(4)",
    "interrupt": "raise KeyboardInterrupt",
    "interrupt with text": "raise KeyboardInterrupt('enough')",
    "sigint": "os.kill(os.getpid(), signal.SIGINT); list(range(9))",
    "sigterm": "sys.stdout.flush(); os.kill(os.getpid(), signal.SIGTERM)",
    "generator exit": "raise GeneratorExit",
}


@dataclass(frozen=True)
class Case:
    """A program, the words that start it, and what it reads."""

    words: str
    files: dict[str, str] = field(default_factory=dict)
    stdin: str = ""
    flags: tuple[str, ...] = ()


SCRIPT_STARTS = ("a.py", "./a.py", "sub/../a.py", ".//a.py", "link.py")
CASES = {
    **{
        f"attributes of {start}": Case(f"{start} one --only=x -m -- -", {"a.py": SHOW_MAIN})
        for start in SCRIPT_STARTS
    },
    "attributes of -m module": Case("-m a -c 1", {"a.py": SHOW_MAIN}),
    "attributes of -mmodule": Case("-ma", {"a.py": SHOW_MAIN}),
    "attributes of -m package": Case(
        "-m p x", {"p/__init__.py": "import sys; print(sys.argv)", "p/__main__.py": SHOW_MAIN}
    ),
    "attributes of -m package.module": Case(
        "-m p.a x", {"p/__init__.py": "import sys; print(sys.argv)", "p/a.py": SHOW_MAIN}
    ),
    "attributes of -c": Case("-c @code x -m y", {"code": SHOW_MAIN}),
    "attributes of -": Case("- x -m y", stdin=SHOW_MAIN),
    "attributes of stdin": Case("", stdin=SHOW_MAIN),
    "attributes of a folder": Case("p x", {"p/__main__.py": SHOW_MAIN}),
    "attributes of a zip file": Case("z.zip x", {"__main__.py": SHOW_MAIN}),
    "attributes of a pyc file": Case("c.pyc x", {"a.py": SHOW_MAIN}),
    "isolated script": Case("p/a.py", {"p/a.py": "import sys; print(sys.flags)"}),
    "failing script": Case("a.py", {"a.py": BROKEN}),
    "failing -m": Case("-m a", {"a.py": BROKEN}),
    "failing -c": Case("-c @code", {"code": BROKEN}),
    "failing stdin": Case("-", stdin=BROKEN),
    "failing folder": Case("p", {"p/__main__.py": BROKEN}),
    "failing import": Case("a.py", {"a.py": "import b", "b.py": BROKEN}),
    "failing in a thread": Case(
        "a.py",
        {"a.py": "import threading\ndef f(): 1 / 0\nthreading.Thread(target=f, name='T').start()"},
    ),
    "syntax error": Case("a.py", {"a.py": "print('never')\nx = (1,\ny = ]\n"}),
    "syntax error in -c": Case("-c @code", {"code": "x = = 1"}),
    "syntax error in stdin": Case("-", stdin="x = = 1"),
    "syntax error in -m": Case("-m a", {"a.py": "def f(:\n"}),
    "indentation error": Case("a.py", {"a.py": "if 1:\nx = 1\n"}),
    "no such script": Case("none.py x"),
    "no such module": Case("-m none x"),
    "no such submodule": Case("-m p.none", {"p/__init__.py": ""}),
    "no __main__ in a package": Case("-m p", {"p/__init__.py": ""}),
    "no __main__ in a folder": Case("p", {"p/x.py": ""}),
    "not a pyc file": Case("bad.pyc", {"bad.pyc": "no magic here, but long enough"}),
    "Latin-1 source": Case(
        "a.py", {"a.py": "# coding: latin-1\nprint(ascii('\N{LATIN SMALL LETTER E WITH ACUTE}'))"}
    ),
    "DOS line ends": Case("a.py", {"a.py": "print(1)\r\nprint('''a\r\nb''')\r\n1 / 0\r\n"}),
    "stdin of a script": Case("a.py", {"a.py": "print(input(), input())\ninput()"}, "x\ny\n"),
    "program and input from stdin": Case("-", stdin="print('read')\ninput()\n"),
    "stdin of -m": Case("-m json.tool --compact", stdin='{"a": [1, 2]}'),
    "-O": Case("a.py", {"a.py": "assert False\nprint(__debug__)"}, flags=("-O",)),
    "-X and -W": Case(
        "a.py",
        {"a.py": "import sys; print(sys._xoptions, sys.warnoptions, sys.flags)"},
        flags=("-X", "dev", "-X", "thing=1", "-W", "ignore::UserWarning", "-b"),
    ),
    "-W error": Case(
        "a.py", {"a.py": "import warnings\nwarnings.warn('no')\n"}, flags=("-W", "error")
    ),
    "warnings of __main__": Case(
        "a.py", {"a.py": "import warnings\nwarnings.warn('old', DeprecationWarning)\n"}
    ),
    "warning of the compiler": Case("a.py", {"a.py": "print(1 is 1)\n"}, flags=("-W", "always")),
    "hook of its own": Case(
        "a.py",
        {
            "a.py": """
            import sys, traceback
            def hook(kind, error, tb):
                print(kind, error, sys.excepthook is hook, error.__traceback__ is tb)
                print("".join(traceback.format_tb(tb)))
                print(sys.last_value is error, sys.last_traceback is tb)
            sys.excepthook = hook
            1 / 0
            """
        },
    ),
    "no error is being handled": Case(
        "a.py", {"a.py": "import sys\nprint(sys.exc_info())\nraise ValueError"}
    ),
    "pickled functions": Case(
        "a.py",
        {
            "a.py": """
            import pickle
            def function(): return 5
            class Thing: pass
            print(pickle.loads(pickle.dumps(function))())
            print(type(pickle.loads(pickle.dumps(Thing()))))
            print(pickle.dumps(function, 0))
            """
        },
    ),
    "source of main": Case(
        "a.py",
        {"a.py": "import inspect as i\ndef f():\n    pass\nprint(i.getsource(f), i.getfile(f))"},
    ),
    "unittest.main": Case(
        "a.py -v T",
        {
            "a.py": """
            import unittest
            class T(unittest.TestCase):
                def test_it(self): self.assertEqual(1, 1)
            unittest.main(testRunner=lambda **k: unittest.TextTestRunner(
                stream=open("/dev/null", "w"), **{n: v for n, v in k.items() if n == "verbosity"}))
            """
        },
    ),
    "doctest": Case(
        "-m doctest a.py", {"a.py": "def f():\n    '''\n    >>> f()\n    1\n    '''\n"}
    ),
    "threads end first": Case(
        "a.py",
        {
            "a.py": """
            import atexit, threading
            go = threading.Event()
            def work():
                go.wait(5)
                print("thread", __name__, main_value)
            main_value = 7
            atexit.register(print, "atexit")
            threading.Thread(target=work).start()
            print("end of main")
            threading.Timer(0.05, go.set).start()
            """
        },
    ),
    "a loop of its own": Case(
        "a.py",
        {
            "a.py": """
            import asyncio, time
            async def main():
                await asyncio.sleep(0.001)
                time.sleep(0.001)
                return await asyncio.to_thread(lambda: "from a thread")
            print(asyncio.run(main()), asyncio.run(main()))
            """
        },
    ),
    "spawned processes": Case(
        "a.py",
        {
            "a.py": """
            import multiprocessing, sys
            def double(x): return (x * 2, __name__)
            if __name__ == "__main__":
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    print(pool.map(double, [1, 2]))
            """
        },
    ),
    "spawned processes of -m": Case(
        "-m p.a",
        {
            "p/__init__.py": "",
            "p/a.py": """
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context
            def double(x): return (x * 2, __name__)
            if __name__ == "__main__":
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                    print(list(pool.map(double, [1, 2])))
            """,
        },
    ),
    **{
        f"end: {name}": Case(
            "a.py", {"a.py": f"import os, signal, sys\nprint(1)\n{code}\nprint(2)"}
        )
        for name, code in ENDS.items()
    },
    "end of -c: code": Case("-c @code", {"code": "raise SystemExit(5)"}),
    "end of -m: code": Case("-m a", {"a.py": "raise SystemExit(5)"}),
    "end of -m: interrupt": Case("-m a", {"a.py": "raise KeyboardInterrupt"}),
    "end of stdin: text": Case("-", stdin="raise SystemExit('so')"),
}
if sys.version_info >= (3, 11):
    CASES["safe path"] = Case("p/a.py", {"p/a.py": "import sys; print(sys.path)"}, flags=("-P",))
    CASES["safe path, -m"] = Case("-m a", {"a.py": ""}, flags=("-P",))
    CASES["safe path, folder"] = Case("p", {"p/__main__.py": SHOW_MAIN}, flags=("-P",))
    # Before 3.11 the exceptiongroup package, which we need there, shows tracebacks by a hook of
    # its own: it is there in our process before the program starts.
    CASES["failing zip file"] = Case("z.zip", {"__main__.py": BROKEN})
    CASES["hook after an error"] = Case(
        "a.py",
        {
            "a.py": """
            import atexit, sys
            value = "still here"
            def end():
                print(sys.excepthook is sys.__excepthook__, value, type(sys.last_value))
            atexit.register(end)
            1 / 0
            """
        },
    )
    CASES["failing with a group"] = Case(
        "a.py", {"a.py": "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])"}
    )


def python(
    folder: Path,
    *words: str,
    stdin: str = "",
    flags: tuple[str, ...] = (),
    timeout: float = FRESH_TIMEOUT,
) -> subprocess.CompletedProcess[str]:
    """Run the interpreter in *folder*, greenbridge importable."""
    return subprocess.run(
        [sys.executable, *flags, *words],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=timeout,
        check=False,
    )


def lay_out(case: Case, folder: Path) -> list[str]:
    """Write the files of *case* and give the words that start it."""
    for name, text in case.files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        encoding = "latin-1" if "latin-1" in text else "utf-8"
        path.write_bytes(textwrap.dedent(text).encode(encoding))
    if case.words.startswith("z.zip"):
        with zipfile.ZipFile(folder / "z.zip", "w") as archive:
            archive.write(folder / "__main__.py", "__main__.py")
    if case.words.startswith("link.py"):
        (folder / "real").mkdir()
        (folder / "a.py").rename(folder / "real" / "a.py")
        (folder / "link.py").symlink_to("real/a.py")
    if case.words.startswith("c.pyc"):
        py_compile.compile(str(folder / "a.py"), str(folder / "c.pyc"))
    words = case.words.split()
    return [textwrap.dedent(case.files["code"]) if word == "@code" else word for word in words]
