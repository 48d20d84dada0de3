"""What holds for every command."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli.arguments import SCOPES
from domain.access.table import Scope
from tests.cli.commands import ROOT, environment, followthrough

COMMANDS = ["api", "worker", "import", "token create", "migrate", "check", "secret-key"]


def test_help_lists_all_commands() -> None:
    done = followthrough("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert f"\n    {command.split()[0]}" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(command: str) -> None:
    done = followthrough(*command.split(), "--help")
    assert done.returncode == 0
    assert f"followthrough {command}" in done.stdout.partition("example:")[2]


@pytest.mark.parametrize("arguments", [(), ("fly",), ("token",), ("import",), ("token", "create"), ("import", "a.md", "--colour")])
def test_wrong_usage_is_answered_with_the_usage_and_2(arguments: tuple[str, ...]) -> None:
    done = followthrough(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: followthrough")


@pytest.mark.parametrize("command", ["api", "worker", "migrate", "token create --name x --scope read"])
def test_every_missing_setting_is_named_at_once(command: str) -> None:
    done = followthrough(*command.split(), settings={"PORT": "many"})
    assert (done.returncode, done.stdout) == (2, "")
    for name in ("DATABASE_URL", "REDIS_URL", "FOLLOWTHROUGH_SECRET_KEY", "PORT"):
        assert name in done.stderr


def test_scopes_of_the_command_line_are_those_of_the_domain() -> None:
    assert tuple(Scope) == SCOPES


def test_installed_command_runs_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "__init__.py").write_text("raise SystemExit('a folder of the same name was run')")
    installed = Path(sys.executable).parent / "followthrough"
    if not installed.exists():
        pytest.skip("the package is not installed")
    done = subprocess.run([installed, "--version"], cwd=tmp_path, env=environment({}), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("followthrough ")


def test_reader_that_goes_away_is_no_crash() -> None:
    command = [sys.executable, "-m", "cli", "secret-key"]
    with subprocess.Popen(command, env=environment({}), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
