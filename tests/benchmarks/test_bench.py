"""`make bench` works: a short run of it measures every call on both sides, and all of the sync."""

import re
import subprocess
import sys

from sandbox.migrations import ROOT


def test_quick_run_prints_the_table_of_the_api() -> None:
    answer = _run("api")
    rows = re.findall(r"^(GET|POST) (\S+) +([\d,]+) +([\d,]+) +(\d+\.\d\d) +(≥ [\d.]+|–)$", answer.stdout, re.MULTILINE)
    assert [(method, path, bar) for method, path, _, _, _, bar in rows] == [
        ("GET", "/v1/tasks?limit=50", "≥ 1.0"),
        ("GET", "/v1/tasks/{id}", "≥ 0.6"),
        ("POST", "/v1/tasks", "–"),
    ]
    assert "/health/ready" in answer.stdout
    assert "Measuring GET /v1/tasks?limit=50" in answer.stderr


def test_quick_run_prints_the_tables_of_the_sync() -> None:
    answer = _run("sync")
    operations = re.findall(r"^(\S.*?) +\d+ +\d+ +\d+ +(?:[\d.]+|–) +(≤ 1\.02|= 0) +\d+(?:  MISSED)?$", answer.stdout, re.MULTILINE)
    assert [name for name, _ in operations] == [
        "create",
        "update of one field",
        "our own echo, delivered",
        "update of all fields",
        "change of status",
        "change of status and title",
        "change in the tracker, payload fresh",
        "sweep, nothing changed",
        "sweep, 14 changed",
        "audit of 14 links",
        "comment",
        "resolving 4 unknown creates at once",
    ]
    assert re.findall(r"^(\S.*?) +[\d.]+ +(≥ [\d.]+)", answer.stdout, re.MULTILINE) == [
        ("creations a second, to raw PyGithub's", "≥ 0.5"),
        ("updates a second, to raw PyGithub's", "≥ 0.5"),
        ("share of 304 over unchanged sweeps", "≥ 0.95"),
    ]
    assert re.findall(r"^(\S.*?) +\d+ +[\d.]+ ms +[\d.]+ ms +< (\d+) ms", answer.stdout, re.MULTILINE) == [
        ("commit → request sent", "150"),
        ("webhook → visible", "1000"),
        ("a webhook's 202", "20"),
    ]
    assert "A worker's memory with 1,000 links" in answer.stdout


def _run(part: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", part]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert answer.returncode == 0, answer.stderr
    return answer
