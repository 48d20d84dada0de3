"""Between fork and exec: a child takes an identity that its server accepts, ties its life to its parent's, and runs.

Run as a script, in a process of its own: a user namespace can only be entered from a single thread, and CPython warns
of code that runs between fork and exec in a process with several.
"""

import contextlib
import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

CLONE_NEWUSER = 0x10000000  # linux/sched.h
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def become(command: list[str], parent: int, *, root_allowed: bool, owns: Sequence[Path]) -> None:
    """Replace this process by `command`, which gets SIGINT when the process `parent` ends."""
    if not root_allowed:
        _take_identity(owns)
    if sys.platform == "linux":
        # After the change of identity, which would clear it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent has ended already")
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def _take_identity(owns: Sequence[Path]) -> None:
    """Become somebody that PostgreSQL accepts: not root, and known by name (initdb looks it up)."""
    uid = os.geteuid()
    if uid != 0 and _has_name(uid):
        return
    if _succeeds_in_a_fork(_enter_user_namespace):
        _hand_over(owns, uid=uid, gid=os.getegid())
        _enter_user_namespace()
    elif uid == 0:
        _drop_root(owns)


def _has_name(uid: int) -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwuid(uid).pw_name)
    return False


def _succeeds_in_a_fork(attempt: Callable[[], None]) -> bool:
    child = os.fork()
    if child == 0:
        with contextlib.suppress(Exception):
            attempt()
            os._exit(0)
        os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _enter_user_namespace() -> None:
    """Go by another number and lose root's powers, but still own what we owned: user_namespaces(7).

    So a data folder works below folders that are closed to everybody else, and nothing changes owner or mode.
    """
    stand_in, uid, gid = _first_known("postgres", "daemon", "nobody"), os.geteuid(), os.getegid()
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER) != 0:
        raise OSError("no user namespace to be had")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{stand_in.pw_uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{stand_in.pw_gid} {gid} 1")


def _first_known(*names: str) -> pwd.struct_passwd:
    for name in names:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise OSError(f"this system knows no user {' or '.join(names)}")


def _drop_root(owns: Sequence[Path]) -> None:
    """Really change to an unprivileged user: where the system allows no user namespace, as in many containers."""
    user = _first_known("postgres", "nobody")
    _hand_over(owns, uid=user.pw_uid, gid=user.pw_gid)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    for folder in owns:
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            sys.exit(
                f"PostgreSQL refuses to run as root, and the user {user.pw_name} cannot reach {folder}: work below "
                "folders that everybody may enter, start as an ordinary user, or set DATABASE_URL"
            )


def _hand_over(owns: Sequence[Path], *, uid: int, gid: int) -> None:
    for folder in owns:
        if folder.stat().st_uid != uid:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, uid, gid, follow_symlinks=False)


if __name__ == "__main__":
    become(
        sys.argv[4:],
        int(sys.argv[1]),
        root_allowed=sys.argv[2] == "root",
        owns=[Path(folder) for folder in sys.argv[3].split(os.pathsep) if folder],
    )
