"""sys: standard input."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="sys",
    replace={
        "stdin": Patch(
            "greenbridge.green.stdin:stdin",
            "a file of the same kind whose reads park; none for a file on disk",
            part="stdin",
            may_change=True,
            platforms=("!win32",),
        ),
    },
    keep={
        "activate_stack_trampoline deactivate_stack_trampoline is_stack_trampoline_active": Keep(
            "about the interpreter", since=(3, 12)
        ),
        "addaudithook audit breakpointhook call_tracing displayhook excepthook exit"
        " is_finalizing unraisablehook": Keep("never waits on its own"),
        "exc_info": Keep("tells what is handled"),
        "exception": Keep("tells what is handled", since=(3, 11)),
        "get_asyncgen_hooks set_asyncgen_hooks": Keep("are swapped when green threads switch"),
        "get_coroutine_origin_tracking_depth get_int_max_str_digits getallocatedblocks"
        " getdefaultencoding getfilesystemencodeerrors getfilesystemencoding getprofile"
        " getrecursionlimit getrefcount getsizeof getswitchinterval gettrace intern"
        " set_coroutine_origin_tracking_depth set_int_max_str_digits setprofile"
        " setrecursionlimit setswitchinterval settrace": Keep("about the interpreter"),
        "get_lazy_imports get_lazy_imports_filter set_lazy_imports set_lazy_imports_filter": Keep(
            "about the interpreter", since=(3, 15)
        ),
        "getdlopenflags setdlopenflags": Keep("about the interpreter", platforms=("!win32",)),
        "getunicodeinternedsize": Keep("about the interpreter", since=(3, 12)),
        "getwindowsversion": Keep("about the system", platforms=("win32",)),
        "is_remote_debug_enabled remote_exec": Keep("about the interpreter", since=(3, 14)),
    },
)
