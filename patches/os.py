"""os: reading and writing descriptors, closing them, and waiting for children.

Files on disk stay the stdlib's own: the kernel has no way to wait for them.
"""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="os",
    replace={
        "close": Patch(
            "greenbridge.green.os:close", "wakes who waits for the descriptor, with EBADF"
        ),
        "closerange": Patch("greenbridge.green.os:closerange", "as close"),
        "dup2": Patch("greenbridge.green.os:dup2", "as close, for what it overwrites"),
        "eventfd_read": Patch(
            "greenbridge.green.os:eventfd_read", "parks on the hub", platforms=("linux",)
        ),
        "eventfd_write": Patch(
            "greenbridge.green.os:eventfd_write", "parks on the hub", platforms=("linux",)
        ),
        "fdopen": Patch(
            "greenbridge.green.os:fdopen",
            "a file object that parks, if the descriptor is no file on disk",
        ),
        "lockf": Patch(
            "greenbridge.green.os:lockf",
            "parks, and asks for the lock again and again",
            platforms=("!win32",),
        ),
        "read": Patch("greenbridge.green.os:read", "parks on the hub; not for files on disk"),
        "readinto": Patch("greenbridge.green.os:readinto", "as read", since=(3, 14)),
        "readv": Patch("greenbridge.green.os:readv", "as read", platforms=("!win32",)),
        "sendfile": Patch(
            "greenbridge.green.os:sendfile",
            "parks while an OS thread sends, if the target is in blocking mode",
            platforms=("linux",),
        ),
        "splice": Patch(
            "greenbridge.green.os:splice",
            "parks while an OS thread moves the data, if a side is in blocking mode",
            platforms=("linux",),
        ),
        "system": Patch("greenbridge.green.os:system", "parks while an OS thread waits for it"),
        "wait": Patch("greenbridge.green.os:wait", "as waitpid", platforms=("!win32",)),
        "wait3": Patch("greenbridge.green.os:wait3", "as waitpid", platforms=("!win32",)),
        "wait4": Patch("greenbridge.green.os:wait4", "as waitpid", platforms=("!win32",)),
        "waitid": Patch("greenbridge.green.os:waitid", "as waitpid", platforms=("linux",)),
        "waitpid": Patch(
            "greenbridge.green.os:waitpid",
            "parks on a pidfd; for any child, asks again and again",
            platforms=("!win32",),
        ),
        "write": Patch("greenbridge.green.os:write", "parks on the hub; not for files on disk"),
        "writev": Patch("greenbridge.green.os:writev", "as write", platforms=("!win32",)),
    },
    keep={
        "DirEntry GenericAlias Mapping MutableMapping PathLike error": Keep(
            "a class, or an import of the module"
        ),
        "WCOREDUMP WEXITSTATUS WIFCONTINUED WIFEXITED WIFSIGNALED WIFSTOPPED WSTOPSIG WTERMSIG": (
            Keep("computes", platforms=("!win32",))
        ),
        "abort": Keep("ends the process"),
        "access chdir chmod fsync ftruncate fwalk getcwd getcwdb link listdir lseek lstat makedirs"
        " mkdir readlink remove removedirs rename renames replace rmdir scandir stat symlink"
        " truncate umask unlink utime walk": Keep("for files on disk, which nothing can wait for"),
        "chown chroot copy_file_range fchdir fchmod fchown fdatasync fpathconf fstatvfs getxattr"
        " lchown listxattr mkfifo mknod pathconf posix_fadvise posix_fallocate pread preadv pwrite"
        " pwritev removexattr setxattr statvfs sync": Keep(
            "for files on disk, which nothing can wait for", platforms=("!win32",)
        ),
        "confstr ctermid getgrouplist getloadavg getpriority initgroups major makedev minor nice"
        " pidfd_open setpriority sysconf ttyname": Keep(
            "asks the kernel, at once", platforms=("!win32",)
        ),
        "cpu_count device_encoding fstat get_blocking get_inheritable get_terminal_size getlogin"
        " getpid getppid isatty kill pipe set_blocking set_inheritable strerror times": Keep(
            "asks the kernel, at once"
        ),
        "dup": Keep("copies a descriptor, at once"),
        "eventfd memfd_create openpty pipe2": Keep("makes a descriptor", platforms=("!win32",)),
        "execl execle execlp execlpe execv execve execvp execvpe": Keep("replaces the program"),
        "fork forkpty": Keep(
            "hooks see to it that the child starts with a hub of its own", platforms=("!win32",)
        ),
        "fsdecode fsencode fspath get_exec_path getenv putenv unsetenv waitstatus_to_exitcode": (
            Keep("computes")
        ),
        "getegid geteuid getgid getgroups getpgid getpgrp getresgid getresuid getsid getuid killpg"
        " setegid seteuid setgid setgroups setpgid setpgrp setregid setresgid setresuid setreuid"
        " setsid setuid tcgetpgrp tcsetpgrp uname": Keep(
            "asks the kernel, at once", platforms=("!win32",)
        ),
        "getenvb": Keep("computes", platforms=("!win32",)),
        "getrandom": Keep("waits only while the system boots", platforms=("linux",)),
        "grantpt posix_openpt ptsname unlockpt": Keep(
            "asks the kernel, at once", since=(3, 13), platforms=("!win32",)
        ),
        "login_tty": Keep("asks the kernel, at once", since=(3, 11), platforms=("!win32",)),
        "open": Keep("for files on disk; a FIFO waits for its other end: give it to offload()"),
        "popen": Keep("made of subprocess.Popen, whose pipe and wait() are green"),
        "posix_spawn posix_spawnp": Keep("starts a program, at once", platforms=("!win32",)),
        "process_cpu_count": Keep("asks the kernel, at once", since=(3, 13)),
        "register_at_fork": Keep("notes a hook", platforms=("!win32",)),
        "reload_environ": Keep("computes", since=(3, 14)),
        "sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getparam"
        " sched_getscheduler sched_param sched_rr_get_interval sched_setaffinity sched_setparam"
        " sched_setscheduler": Keep("asks the kernel, at once", platforms=("linux",)),
        "sched_yield": Keep("for OS threads; green ones write sleep(0)", platforms=("!win32",)),
        "setns unshare": Keep("asks the kernel, at once", since=(3, 12), platforms=("linux",)),
        "spawnl spawnle spawnv spawnve": Keep("calls waitpid of this module, which is green"),
        "spawnlp spawnlpe spawnvp spawnvpe": Keep(
            "calls waitpid of this module, which is green", platforms=("!win32",)
        ),
        "stat_result statvfs_result terminal_size times_result uname_result": Keep("a record type"),
        "statx statx_result": Keep(
            "for files on disk, which nothing can wait for", since=(3, 15), platforms=("linux",)
        ),
        "timerfd_create timerfd_gettime timerfd_gettime_ns timerfd_settime timerfd_settime_ns": (
            Keep("makes or sets a timer; read() waits for it", since=(3, 13), platforms=("linux",))
        ),
        "urandom": Keep("waits only while the system boots"),
        "waitid_result": Keep("a record type", platforms=("linux",)),
    },
)
