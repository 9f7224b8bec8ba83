"""time: ``sleep`` is the only call that waits."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="time",
    replace={
        "pthread_getcpuclockid": Patch(
            "greenbridge.green.time:pthread_getcpuclockid",
            "knows which OS thread a green thread runs in",
            part="threading",
            platforms=("linux",),
        ),
        "sleep": Patch("greenbridge.green.time:sleep", "parks on the hub; sleep(0) yields"),
    },
    keep={
        "asctime": Keep("formats text"),
        "clock_getres": Keep("reads a clock"),
        "clock_gettime": Keep("reads a clock"),
        "clock_gettime_ns": Keep("reads a clock"),
        "clock_settime": Keep("sets a clock, at once", platforms=("!win32",)),
        "clock_settime_ns": Keep("sets a clock, at once", platforms=("!win32",)),
        "ctime": Keep("formats text"),
        "get_clock_info": Keep("describes a clock"),
        "gmtime": Keep("computes"),
        "localtime": Keep("computes"),
        "mktime": Keep("computes"),
        "monotonic": Keep("reads a clock"),
        "monotonic_ns": Keep("reads a clock"),
        "perf_counter": Keep("reads a clock"),
        "perf_counter_ns": Keep("reads a clock"),
        "process_time": Keep("reads a clock"),
        "process_time_ns": Keep("reads a clock"),
        "strftime": Keep("formats text"),
        "strptime": Keep("parses text"),
        "struct_time": Keep("a record type"),
        "thread_time": Keep("CPU time of the OS thread, in green code too"),
        "thread_time_ns": Keep("CPU time of the OS thread, as thread_time"),
        "time": Keep("reads a clock"),
        "time_ns": Keep("reads a clock"),
        "tzset": Keep("reads an environment variable", platforms=("!win32",)),
    },
)
