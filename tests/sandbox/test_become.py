"""Root gets a PostgreSQL too where no user namespace can be had, as in a container; or is told why not."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.migrations import ROOT
from sandbox.postgres import binary

# A root of its own that may make no further user namespace: the child waits until its parent has named its users.
ROOT_IN_A_CONTAINER = """
import ctypes, os, sys
asked, ask = os.pipe()
told, tell = os.pipe()
child = os.fork()
if child == 0:
    if ctypes.CDLL(None).unshare(0x10000000) != 0:
        os._exit(77)
    os.write(ask, b"x"), os.read(told, 1)
    open("/proc/sys/user/max_user_namespaces", "w").write("0")
    os.setgid(0), os.setuid(0)
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
os.close(ask)
if os.read(asked, 1):
    open(f"/proc/{child}/uid_map", "w").write("0 0 65536")
    open(f"/proc/{child}/gid_map", "w").write("0 0 65536")
    os.write(tell, b"x")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
START = """
import sys
from pathlib import Path
from sandbox.postgres import start_postgres
with start_postgres(Path(sys.argv[1]), durable=False) as server:
    print(server.psql("followthrough", "SELECT 1").strip(), server.data_dir.stat().st_uid != 0)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can become another")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_root_becomes_an_unprivileged_user(open_folder: Path) -> None:
    if not all(parent.stat().st_mode & 0o001 for parent in (binary("postgres"), *binary("postgres").parents)):
        pytest.skip("this checkout is in a folder that only its owner may enter")
    answer = _start_in_a_container(open_folder / "postgres")
    assert answer.stdout == "1 True\n", answer.stderr


def test_root_is_told_of_a_folder_that_nobody_else_can_enter(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    answer = _start_in_a_container(closed / "postgres")
    assert answer.returncode == 1
    assert "PostgreSQL refuses to run as root" in answer.stderr
    assert closed.stat().st_mode & 0o777 == 0o700


def _start_in_a_container(data_dir: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ROOT_IN_A_CONTAINER, "-c", START, str(data_dir)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode == 77:
        pytest.skip("this system allows no user namespace at all")
    return answer
