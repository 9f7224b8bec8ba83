"""signal: handlers that run amid the hub's own work, and the main program's waits."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="signal",
    replace={
        "signal": Patch(
            "greenbridge.green.signal:signal",
            "what the handler raises is raised in the main program, which may be parked",
        ),
        "getsignal": Patch("greenbridge.green.signal:getsignal", "shows the user's own handler"),
        "pthread_kill": Patch(
            "greenbridge.green.signal:pthread_kill",
            "knows which OS thread a green thread runs in",
            part="threading",
            platforms=("!win32",),
        ),
        "set_wakeup_fd": Patch(
            "greenbridge.green.signal:set_wakeup_fd",
            "belongs to the main program; the hub's loop gets it back",
        ),
        "pause": Patch(
            "greenbridge.green.signal:pause",
            "parks until a handler has run",
            platforms=("!win32",),
        ),
        "sigtimedwait": Patch(
            "greenbridge.green.signal:sigtimedwait",
            "as sigwait",
            platforms=("linux", "freebsd"),
        ),
        "sigwait": Patch(
            "greenbridge.green.signal:sigwait",
            "parks, and asks for the signal again and again",
            platforms=("!win32",),
        ),
        "sigwaitinfo": Patch(
            "greenbridge.green.signal:sigwaitinfo",
            "as sigwait",
            platforms=("linux", "freebsd"),
        ),
    },
    keep={
        "Handlers": Keep("an enumeration"),
        "ItimerError": Keep("an exception", platforms=("!win32",)),
        "Sigmasks": Keep("an enumeration", platforms=("!win32",)),
        "Signals": Keep("an enumeration"),
        "alarm": Keep("starts a timer, at once", platforms=("!win32",)),
        "default_int_handler": Keep("raises KeyboardInterrupt where it is called"),
        "getitimer": Keep("reads a timer", platforms=("!win32",)),
        "pidfd_send_signal": Keep("sends, at once", platforms=("linux",)),
        "pthread_sigmask": Keep("sets the mask of the OS thread, at once", platforms=("!win32",)),
        "raise_signal": Keep("sends, at once"),
        "setitimer": Keep("starts a timer, at once", platforms=("!win32",)),
        "siginterrupt": Keep("sets a flag", platforms=("!win32",)),
        "sigpending": Keep("reads a mask", platforms=("!win32",)),
        "strsignal": Keep("describes a signal"),
        "struct_siginfo": Keep("a record type", platforms=("linux", "freebsd")),
        "valid_signals": Keep("lists numbers"),
    },
    holders={"_signal:set_wakeup_fd": "the C module, which the green calls"},
)
