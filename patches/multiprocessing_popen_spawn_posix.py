"""multiprocessing.popen_spawn_posix: the pipe that a new process reads its work from."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="multiprocessing.popen_spawn_posix",
    replace={
        "open": Patch(
            "greenbridge.green._files:open_fd",
            "in this module only: the file for the pipe parks, until the process has begun to read",
            part="multiprocessing",
            add=True,
            platforms=("!win32",),
        ),
    },
    keep={
        "Popen": Keep("made of os, which is green"),
        "set_spawning_popen": Keep("sets a variable"),
    },
    after=("os",),
    lazy=True,
)
