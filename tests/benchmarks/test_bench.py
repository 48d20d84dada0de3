"""`make bench` works: a short run of it measures every call on both sides."""

import re
import subprocess
import sys

from sandbox.migrations import ROOT


def test_quick_run_prints_the_table() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stderr
    rows = re.findall(r"^(GET|POST) (\S+) +([\d,]+) +([\d,]+) +(\d+\.\d\d) +(≥ [\d.]+|–)$", answer.stdout, re.MULTILINE)
    assert [(method, path, bar) for method, path, _, _, _, bar in rows] == [
        ("GET", "/v1/tasks?limit=50", "≥ 1.0"),
        ("GET", "/v1/tasks/{id}", "≥ 0.6"),
        ("POST", "/v1/tasks", "–"),
    ]
    assert "/health/ready" in answer.stdout
    assert "Measuring GET /v1/tasks?limit=50" in answer.stderr
