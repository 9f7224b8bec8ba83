"""subprocess: the wait for the end of a process, and the pipes. ``Popen`` is the stdlib's own."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="subprocess",
    replace={
        "Popen._wait": Patch(
            "greenbridge.green.subprocess:wait",
            "parks on a pidfd, in wait(), run(), communicate() and with blocks",
            platforms=("!win32",),
        ),
        "io": Patch(
            "greenbridge.green.subprocess:io",
            "the pipes are files whose reads and writes park",
            platforms=("!win32",),
        ),
    },
    keep={
        "CalledProcessError CompletedProcess SubprocessError TimeoutExpired": Keep(
            "a record type or an exception"
        ),
        "Handle STARTUPINFO": Keep("a record type", platforms=("win32",)),
        "Popen": Keep("its _wait is replaced; its pipes are opened by names that are green"),
        "call check_call check_output getoutput getstatusoutput run": Keep("made of Popen"),
        "list2cmdline": Keep("computes"),
    },
    after=("os", "selectors"),
    holders={
        "subprocess:Popen._internal_poll": "it only asks",
        "subprocess:_del_safe.waitpid": Keep("for Popen._internal_poll", since=(3, 13)),
        "subprocess:_waitpid": Keep("for Popen._internal_poll", since=(3, 11), until=(3, 13)),
    },
)
