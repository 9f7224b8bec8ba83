"""Runs a program as ``python`` itself would: what it can see of us is one thing only, frames below.

Theory of operation. ``python script.py`` makes a module ``__main__``, fills in a few
attributes, sets ``sys.argv`` and ``sys.path[0]`` and executes the code in it
(CPython Modules/main.c, Python/pythonrun.c); ``python -m name`` and folders and zip files
go through ``runpy``. The same is done here, with a fresh ``__main__`` in ``sys.modules``,
so pickle, multiprocessing and unittest find the program and not us. An exception passes
through to the interpreter, which knows best how to end (exit codes, death by SIGINT);
only when it comes to be shown, our frames are taken off its traceback.

The way not taken is ``runpy.run_path`` and ``run_module``: they put the old ``__main__``
back and empty the new one at the end, before threads and ``atexit`` functions have ended.
"""

from __future__ import annotations

import builtins
import importlib.machinery
import linecache
import os
import runpy
import sys
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .parsing import Program

# What the interpreter itself calls for -m, for folders and for zip files (Modules/main.c,
# pymain_run_module). Private, but no public function leaves __main__ alive.
_run_module_as_main: Final[Any] = runpy._run_module_as_main  # type: ignore[attr-defined]

_PYC_SUFFIX: Final = ".pyc"


def prepare(only: Iterable[str] | None, exclude: Iterable[str] | None, loop: str | None) -> None:
    """Choose the loop and patch the standard library, before the program is looked at.

    Raises:
        GreenbridgeError: an unknown patch name, or a loop that is not installed.
    """
    from .._loops import factory_named, set_loop_factory
    from .._patching import patch_all

    if loop is not None:
        set_loop_factory(factory_named(loop))
    patch_all(only=only, exclude=exclude)


def run(program: Program) -> None:
    """Run *program* as ``__main__``; whatever it raises passes through."""
    try:
        _start(program)
    except SystemExit:
        raise
    except BaseException:
        _hide_our_frames()
        raise


def _start(program: Program) -> None:
    main = _new_main()
    if program.kind == "module":
        sys.argv[:] = ["-m", *program.args]  # runpy puts the file's name there
        _set_path0(os.getcwd())
        _run_module_as_main(program.target, True)
        return
    sys.argv[:] = [program.target, *program.args]
    if program.kind == "path":
        path = _absolute(program.target)
        if _has_importer(path):
            if not _set_path0(path):
                sys.path.insert(0, path)  # python does so even with -P and -I
            _run_module_as_main("__main__", False)
            return
        code = _script(path, main)
        _set_path0(os.path.dirname(os.path.realpath(path)))
    elif program.kind == "stdin":
        _set_path0("")
        main.__file__ = "<stdin>"
        _set_cached(main)
        code = compile(sys.stdin.buffer.read(), "<stdin>", "exec", dont_inherit=True)
    else:
        sys.argv[0] = "-c"
        _set_path0("")
        code = _from_command_line(program.target)
    exec(code, main.__dict__)


def _new_main() -> ModuleType:
    """An empty ``__main__`` as the interpreter makes it, in place of ours."""
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    main.__loader__ = importlib.machinery.BuiltinImporter
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    return main


def _set_cached(main: ModuleType) -> None:
    if sys.version_info < (3, 15):
        main.__dict__["__cached__"] = None


def _set_path0(folder: str) -> bool:
    """Put the program's own folder first, unless python was told not to (-P, -I)."""
    if sys.flags.isolated or getattr(sys.flags, "safe_path", False):
        return False
    sys.path[0:1] = [folder]
    return True


def _absolute(path: str) -> str:
    """The path of the script as python writes it into ``__file__``: not normalised."""
    if os.name == "nt" or os.path.isabs(path):
        return os.path.abspath(path) if os.name == "nt" else path
    return os.path.join(os.getcwd(), path)


def _has_importer(path: str) -> bool:
    """Whether *path* is a folder or a zip file, which is run by importing from it."""
    import pkgutil

    return pkgutil.get_importer(path) is not None


def _script(path: str, main: ModuleType) -> CodeType:
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        # The interpreter's own words and exit code.
        print(
            f"{sys.orig_argv[0]}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    main.__file__ = path
    _set_cached(main)
    if path.endswith(_PYC_SUFFIX):
        compiled = importlib.machinery.SourcelessFileLoader("__main__", path)
        main.__loader__ = compiled
        try:
            code = compiled.get_code("__main__")
        except (ImportError, EOFError):
            code = None
        if code is None:
            raise RuntimeError("Bad magic number in .pyc file")
        return code
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    return compile(source, path, "exec", dont_inherit=True)


def _from_command_line(source: str) -> CodeType:
    if sys.version_info >= (3, 14):
        import textwrap

        source = textwrap.dedent(source)
    source += "\n"
    if sys.version_info >= (3, 13):  # tracebacks show the line of -c code since then
        lines = source.splitlines(keepends=True)
        linecache.cache["<string>"] = (len(source), None, lines, "<string>")
    return compile(source, "<string>", "exec", dont_inherit=True)


def _hide_our_frames() -> None:
    """Have the exception shown, when nobody catches it, as if nothing stood below the program.

    The frames that it still passes on its way out are added to its traceback, so they can
    only be taken off at the end: by ``sys.excepthook``, for this one call.
    """
    hook = getattr(sys, "excepthook", None)
    if hook is None:
        return  # the interpreter says that it is missing

    def show(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
        sys.excepthook = hook
        ours = globals()
        entry = traceback
        while entry is not None:
            if entry.tb_frame.f_globals is ours:
                traceback = entry.tb_next
            entry = entry.tb_next
        sys.last_traceback = traceback
        hook(kind, error.with_traceback(traceback), traceback)

    sys.excepthook = show
