"""What to write instead of a call that held the loop: a table, and who of it is meant.

The first row that fits is taken. ``{line}`` is the program's own call in a real thread,
``greenbridge.offload(hashlib.scrypt, password, salt=salt)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, final

from ._stacks import CARRIER

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._callees import Callee
    from ._stacks import Place

#: Ask whether an object is the original of a name that can be patched: its name, and whether it is
#: patched now; or None. The engine puts itself in here, being above this.
namers: Final[list[Callable[[Any], tuple[str, bool] | None]]] = []


@final
@dataclass(frozen=True, slots=True)
class Cause:
    """What held the loop, as far as it is known."""

    callee: Callee | None  # what the innermost frame was calling
    outer: Callee | None  # what the program was calling
    stack: tuple[Place, ...]  # innermost first
    waits: bool  # it hardly used the CPU
    gil: bool  # nothing else in the process could run

    @property
    def name(self) -> str:
        """What it is called in a report."""
        if self.callee is not None:
            if self.callee.value is None and self.stack[0].kind == "stdlib":
                return f"{self.stack[0].module}.{self.stack[0].function}"
            return self.callee.name
        return f"{self.stack[0].function}()"


@final
@dataclass(frozen=True, slots=True)
class Advice:
    """Why a call holds the loop, and the line to write."""

    why: str
    instead: str


@final
@dataclass(frozen=True, slots=True)
class Row:
    """``names`` are of calls, or of modules in whose functions the innermost frames are."""

    names: str  # patterns, separated by spaces
    why: str
    instead: str
    gil: bool = False  # only where the GIL was held


_OFFLOAD: Final = "{line}"
_PROCESS: Final = "with concurrent.futures.ProcessPoolExecutor() as pool: pool.submit(...).result()"

ROWS: Final[tuple[Row, ...]] = (
    Row("importlib* import _imp.* marshal.*", "A module was imported while the loop ran.",
        "import it at the top of the program, before the loop runs"),
    Row("gc.*", "A collection stops everything.", "gc.freeze()  # once all is imported"),
    Row("sqlite3.* _sqlite3.*", "SQLite waits for the file and for its locks in C.",
        "greenbridge.patch('sqlite3')  # statements run in real threads"),
    Row("re.* _sre.*", "A match that tries too many ways keeps the GIL: a thread does not help.",
        "make the pattern unambiguous: (?>...) and x++ do not go back (Python 3.11), or match in "
        "a process: " + _PROCESS, gil=True),
    Row("psycopg2*", "libpq waits in C.", "greenbridge.patch('psycopg2')"),
    Row("psycopg*", "libpq waits in C.", "greenbridge.patch('psycopg')"),
    Row("MySQLdb*", "The client library waits in C.", "greenbridge.patch('mysqlclient')"),
    Row("pycurl*", "libcurl waits in C.", "greenbridge.patch('pycurl')"),
    Row("grpc* cygrpc*", "gRPC waits in C.", "greenbridge.patch('grpc')"),
    Row("zmq*", "ZeroMQ waits in C.", "greenbridge.patch('pyzmq')"),
    Row("confluent_kafka* cimpl.*", "librdkafka waits in C.",
        "greenbridge.patch('confluent_kafka')"),
    Row("pyodbc*", "The driver waits in C.",
        "pyodbc = greenbridge.offload_module('pyodbc', same_thread=True)"),
    Row("oracledb* cx_Oracle*", "The thick client waits in C; the thin one uses Python's sockets.",
        "do not call oracledb.init_oracle_client(), or greenbridge.offload_module('oracledb')"),
    Row("ibm_db* pymssql* _mssql* snowflake* duckdb* apsw* lmdb* rocksdb* plyvel*",
        "The library waits in C.", "{module} = greenbridge.offload_module('{module}')"),
    Row("ldap* _ldap*", "libldap waits in C.", "ldap = greenbridge.offload_module('ldap')"),
    Row("ctypes.PyDLL*", "A function of a PyDLL keeps the GIL.",
        "load the library with ctypes.CDLL, and call it by {line}"),
    Row("ctypes*", "A C function is not seen by any patch.", _OFFLOAD),
    Row("open io.open _io.* io.* codecs.* pathlib.*",
        "Files cannot be waited for greenly; and a FIFO waits for a writer.",
        _OFFLOAD),
    Row("os.fsync os.fdatasync posix.* os.* shutil.* tempfile.* glob.* zipfile.* tarfile.*",
        "The file system answers when it can.", _OFFLOAD),
    Row("hashlib.* _hashlib.* _blake2.* _sha* _md5* bcrypt* argon2* _argon2* nacl* cryptography*"
        " zlib.* bz2.* lzma.* _bz2.* _lzma.* gzip.* zstandard* compression.* PIL* cv2* numpy*"
        " scipy* pandas* polars* torch* tensorflow* sklearn* lxml*",
        "It computes in C, and most of it without the GIL.", _OFFLOAD),
    Row("json* _json.* pickle* _pickle.* ast.* _ast.* copy.* csv.* _csv.* xml* pyexpat* sorted"
        " list.sort builtins.* min max sum",
        "It computes with the GIL held: a thread does not help.",
        "work on smaller pieces with greenbridge.sleep(0) between them, or in a process: "
        + _PROCESS, gil=True),
    Row("subprocess.* _posixsubprocess.*", "It starts a process, or waits for one.", _OFFLOAD),
    Row("logging.*", "A handler writes where writing takes its time.",
        "logging.handlers.QueueHandler(queue), and a QueueListener in a thread"),
    Row("_thread.* threading.* queue.* multiprocessing.* concurrent.* _queue.* _multiprocessing.*",
        "A lock that is none of the patched ones: made before patching, or the stdlib's own.",
        "import greenbridge.auto  # first of all, or use greenbridge.Lock, Event, Queue"),
)  # fmt: skip


def advise(cause: Cause) -> Advice:
    """The row that fits best, filled in."""
    line = _line(cause)
    original = _original(cause)
    if original is not None:
        return _for_original(cause, original[0], patched=original[1])
    names = [cause.name, *({cause.callee.source} if cause.callee else ())]
    names += [f"{place.module}.{place.function}" for place in cause.stack[:1]]
    libraries = [p.module for p in cause.stack[:8] if p.kind in ("library", "stdlib")]
    for row in ROWS:
        if row.gil and not cause.gil:
            continue
        patterns = row.names.split()
        if any(fnmatchcase(name, pattern) for name in names for pattern in patterns) or any(
            fnmatchcase(f"{module}.", pattern) for module in libraries[:1] for pattern in patterns
        ):
            module = cause.name.partition(".")[0]
            return Advice(row.why, row.instead.format(line=line, module=module))
    if cause.waits:
        return Advice("It waits where no patch can see it.", line)
    if cause.gil:
        return Advice("It computes in one call that keeps the GIL: a thread does not help.",
                      "do it in a process: " + _PROCESS)  # fmt: skip
    if cause.callee is None:
        return Advice(
            "It computes, and does not wait in between.",
            "greenbridge.sleep(0)  # in its loop, or call it by greenbridge.offload()",
        )
    return Advice("It computes in one call.", line)


def _line(cause: Cause) -> str:
    call = cause.outer or cause.callee
    if call is None or not all(call.pieces) or call.pieces[-1].startswith("__"):
        place = next((p for p in cause.stack if p.kind == "program"), cause.stack[0])
        name = place.function.rpartition(".")[2]
        return f"greenbridge.offload({'...' if name.startswith('<') else name}, ...)"
    return call.offloaded


def _original(cause: Cause) -> tuple[str, bool] | None:
    """The patched name whose original was called, if that is what it was."""
    callee = cause.callee
    if callee is None or callee.value is None:
        return None
    return next((name for namer in namers if (name := namer(callee.value)) is not None), None)


def _for_original(cause: Cause, original: str, *, patched: bool) -> Advice:
    place = cause.stack[0]
    if place.kind == "greenbridge" and place.module != CARRIER:
        return Advice(
            f"The patched {original} had to call the original: this is no green code, but a plain "
            "Task, a callback, a signal handler or a destructor.",
            "greenbridge.install()  # before the Task is made; in a callback: "
            "greenbridge.spawn(function)",
        )
    module = original.partition(".")[0]
    if not patched:
        return Advice(
            f"{original} is not patched in this program.",
            f"greenbridge.patch({module!r})  # or: import greenbridge.auto, first of all",
        )
    name = cause.callee.source if cause.callee is not None else original
    return Advice(
        f"{name} in {place.module} is the original {original}: it was bound before patching.",
        f"import greenbridge.auto  # above the import that binds {name}, or: "
        f"greenbridge.rebind({place.module.partition('.')[0]!r})",
    )
