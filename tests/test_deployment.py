"""The files of the deployment are valid, complete, and say nothing of the machine that they were written on."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from domain.settings import Settings

ROOT = Path(__file__).parent.parent
COMPOSE = ROOT / "docker-compose.yml"
_ELSEWHERE = re.compile(
    # Put together here, so that this file doesn't name them itself.
    "|".join(
        [
            "pypi" + r"\.org",
            "python" + r"hosted\.org",
            "registry" + r"\.npmjs",
            r"(?<![\w.~-])/(?:wo" + r"rk|ro" + r"ot)/\w",
        ]
    )
)


def test_compose_file_follows_the_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_services_wait_for_services_that_can_be_healthy() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    for service in services.values():
        for name, on in service.get("depends_on", {}).items():
            if on["condition"] == "service_healthy":
                assert "test" in services[name]["healthcheck"]


def test_compose_file_sets_only_settings_that_exist() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    for name in ("api", "worker", "migrate"):
        assert services[name]["environment"].keys() <= _settings()


def test_every_secret_of_the_compose_file_is_required() -> None:
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "FOLLOWTHROUGH_SECRET_KEY"):
        uses = re.findall(rf"(?<!\$)\${{{name}([^}}]*)}}", COMPOSE.read_text())
        assert uses
        assert all(use.startswith(":?") for use in uses)


def test_example_names_every_setting() -> None:
    example = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
    of_compose_alone = {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert len(example) == len(set(example))
    assert set(example) == _settings() | of_compose_alone


def test_example_gives_the_defaults() -> None:
    example = dict(re.findall(r"^([A-Z_]+)=(.+)$", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    for field in Settings.model_fields.values():
        if field.is_required() or field.default is None:
            continue
        assert example[str(field.validation_alias)].lower() == str(field.default).lower()


def test_image_gets_all_that_it_copies() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    packages = re.search(r"^packages = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert packages is not None
    for name in (
        *re.findall(r'"(\w+)"', packages[1]),
        "requirements.lock",
        "requirements-dev.lock",
        "README.md",
        "LICENSE",
    ):
        assert f"!{name}" in ignored


def test_all_that_builds_the_package_is_pinned() -> None:
    taken = re.search(r"wanted = /\^\(([a-z|-]+)\)==/", (ROOT / "Dockerfile").read_text())
    assert taken is not None
    assert set(taken[1].split("|")) == {"hatchling", *_requirements("hatchling")}
    lock = (ROOT / "requirements-dev.lock").read_text()
    for name in taken[1].split("|"):
        assert re.search(rf"^{name}==", lock, flags=re.MULTILINE)


def _requirements(package: str) -> set[str]:
    needed = [Requirement(line) for line in metadata.requires(package) or []]
    direct = {one.name for one in needed if one.marker is None or one.marker.evaluate()}
    return direct.union(*(_requirements(name) for name in direct))


def test_no_file_names_this_machine_or_a_package_registry() -> None:
    for path in _tracked_files():
        found = _ELSEWHERE.search(path.read_bytes().decode(errors="replace"))
        assert found is None, f"{path.relative_to(ROOT)} names {found}"


def _settings() -> set[str]:
    return {str(field.validation_alias) for field in Settings.model_fields.values()}


def _tracked_files() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [path for name in listing.split("\0") if name and (path := ROOT / name).is_file()]
