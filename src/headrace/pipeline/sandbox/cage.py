"""The cage that a parser enters before it sees a hostile byte: rlimits, landlock, seccomp, each where there is one.

Within, nothing can be written, nothing read but Python's own libraries and what is open already; there are no sockets,
new processes or signals to others. There is no way out. Linux on x86-64 and aarch64; elsewhere only the rlimits hold.
"""

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import headrace
from headrace.pipeline.source import Limits

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # alike on both architectures
SET_PARENT_DEATH_SIGNAL, SET_NO_NEW_PRIVILEGES = 1, 38
CLONE_THREAD = 0x10000
READ_FOLDER = 8
READ = 1 | 4 | READ_FOLDER  # execute, read a file, read a folder
# What each version of landlock added to the rights on files; those handled and not granted are denied.
HANDLED = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}
NETWORK_SINCE, SCOPES_SINCE = 4, 6
DENIED = (
    *("socket", "socketpair", "connect", "bind", "accept", "accept4", "listen"),
    *("fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "kcmp"),
    *("kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal", "pidfd_open", "pidfd_getfd"),
    *("mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "open_by_handle_at", "name_to_handle_at"),
    *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "keyctl", "add_key", "request_key"),
    *("kexec_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff"),
    *("settimeofday", "clock_settime", "adjtimex", "sethostname", "setpriority", "sched_setscheduler"),
)
EXEC = ("execve", "execveat")
SYSTEM_PLACES = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache")
OPEN_FILES = 64
STRAINED_SHARE = 0.5
MAX_CHILD_AGE_SECONDS = 30.0  # no child is given a document after that
NOT_PERMITTED, NOT_IMPLEMENTED = 1, 38  # errno


def grade() -> str:
    """What the sandbox of this machine can do: "full", or what it must do without."""
    version = landlock_version()
    missing = []
    if version == 0:
        missing.append("landlock (files stay readable)")
    elif version < SCOPES_SINCE:
        missing.append(f"landlock {SCOPES_SINCE} (this kernel has {version})")
    if not has_seccomp():
        missing.append("seccomp (install libseccomp)")
    return "without " + " and ".join(missing) if missing else "full"


def landlock_version() -> int:
    """The kernel's landlock ABI; 0 where there is none."""
    if sys.platform != "linux" or os.uname().machine not in {"x86_64", "aarch64"}:
        return 0
    return max(0, int(libc().syscall(CREATE_RULESET, None, 0, 1)))


def has_seccomp() -> bool:
    """Whether system calls can be filtered here."""
    try:
        import pyseccomp  # noqa: F401
    except (ImportError, OSError, RuntimeError):
        return False
    return True


@cache
def libc() -> ctypes.CDLL:
    """The C library with its errno."""
    return ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int) -> None:
    """Be killed when the process `parent`, which made this one, ends."""
    if sys.platform == "linux":
        libc().prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def confine(limits: Limits) -> None:
    """Enter the cage, each part as far as this machine has it. Call it once, single-threaded, after the imports."""
    # One child reads several documents, so that time is what a last one may take on top of its age.
    limit_resources(limits, limits.seconds + MAX_CHILD_AGE_SECONDS)
    if landlock_version():
        restrict_files(readable_folders())
    if has_seccomp():
        restrict_calls()


def confine_program(program: str, limits: Limits) -> None:
    """Enter the cage as what another program will be run in: it can read the system's libraries and its own folder.

    It may still turn itself into another program, which would find itself in the same cage.
    """
    limit_resources(limits, limits.recognition_seconds)
    if landlock_version():
        restrict_files(program_places(Path(program)))
    if has_seccomp():
        restrict_calls(may_exec=True)


def program_places(program: Path) -> Iterator[Path]:
    """What a program needs to be run, as far as it is there."""
    places = {program.parent, *map(Path, SYSTEM_PLACES)}
    if models := os.environ.get("TESSDATA_PREFIX"):
        places.add(Path(models))
    return (place for place in places if place.exists())


def limit_resources(limits: Limits, cpu_seconds: float) -> None:
    """Cap memory beyond what is mapped now, processor time, open files; forbid files and core dumps altogether."""
    seconds = int(cpu_seconds) + 1
    caps = {
        "AS": (mapped_bytes() + limits.memory_bytes,) * 2,
        "CPU": (seconds, seconds + 1),  # the first is a signal that tells why, the second kills
        "FSIZE": (0, 0),
        "NOFILE": (OPEN_FILES, OPEN_FILES),
        "CORE": (0, 0),
    }
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that writing raises instead of killing
    for name, pair in caps.items():
        which = getattr(resource, f"RLIMIT_{name}")
        # macOS knows the memory limit and refuses to set it.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(which, pair)


def is_strained(grown_bytes: int, limits: Limits) -> bool:
    """Whether a parser that failed, and had grown by so much, failed for want of memory: native ones do not tell."""
    return grown_bytes >= limits.memory_bytes * STRAINED_SHARE


def peak_bytes(usage: resource.struct_rusage) -> int:
    """The most that was resident at once; kilobytes to Linux, bytes to macOS."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def mapped_bytes() -> int:
    """The address space in use; 0 where the system does not tell."""
    return pages_of("self", 0)


def resident_bytes(pid: int | str = "self") -> int:
    """What a process has in memory, with what it shares with the one it was forked from; 0 where nobody tells."""
    return pages_of(pid, 1)


def pages_of(pid: int | str, field: int) -> int:
    """A field of Linux's count of a process's pages, in bytes."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[field]) * resource.getpagesize()
    except OSError:
        return 0


def prepare() -> None:
    """Do ahead, in the process that forks, what costs time and what could not be found from within the cage."""
    has_seccomp()
    readable_folders()


@cache
def readable_folders() -> frozenset[Path]:
    """Where Python imports from: parsers load some modules late."""
    folders = {Path(path).resolve() for path in sysconfig.get_paths().values()}
    return frozenset(folder for folder in (*folders, Path(headrace.__file__).parent.resolve()) if folder.is_dir())


def restrict_files(readable: Iterable[Path]) -> None:
    """Leave these folders and files readable and nothing else; deny TCP and, by newer kernels, signals to others."""
    version = landlock_version()
    handled = HANDLED[min(version, max(HANDLED))]
    attributes = struct.pack("Q", handled)
    attributes += struct.pack("Q", 3) if version >= NETWORK_SINCE else b""
    attributes += struct.pack("Q", 3) if version >= SCOPES_SINCE else b""
    ruleset = checked(libc().syscall(CREATE_RULESET, attributes, len(attributes), 0))
    for place in readable:
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
        rights = READ if place.is_dir() else READ & ~READ_FOLDER
        checked(libc().syscall(ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, descriptor), 0))
        os.close(descriptor)
    checked(libc().prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    checked(libc().syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def restrict_calls(*, may_exec: bool = False) -> None:
    """Deny the system calls that no parser needs. Threads and signals to oneself (abort) stay allowed."""
    import pyseccomp

    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in DENIED if may_exec else (*DENIED, *EXEC):
        with contextlib.suppress(ValueError, OSError):  # a call that this architecture does not have
            rules.add_rule(pyseccomp.ERRNO(NOT_PERMITTED), name)
    # Its flags are out of the filter's sight; the C library then falls back to clone.
    rules.add_rule(pyseccomp.ERRNO(NOT_IMPLEMENTED), "clone3")
    thread_only = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, CLONE_THREAD, 0)
    rules.add_rule(pyseccomp.ERRNO(NOT_PERMITTED), "clone", thread_only)
    rules.add_rule(pyseccomp.ERRNO(NOT_PERMITTED), "tgkill", pyseccomp.Arg(0, pyseccomp.NE, os.getpid()))
    rules.load()


def checked(result: int) -> int:
    """The result of a C call, or its errno raised."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
