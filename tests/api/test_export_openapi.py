"""The committed document is the one that the code makes."""

from pathlib import Path

import pytest

from api.export_openapi import MOST_LINES, main


def test_committed_document_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_drift_is_shown_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "openapi.json"
    assert main(["--target", str(target)]) == 0
    text = target.read_text()
    target.write_text(text.replace('"List tasks"', '"Tasks"'))
    assert main(["--check", "--target", str(target)]) == 1
    shown = capsys.readouterr().out
    assert '-        "summary": "Tasks",' in shown
    assert '+        "summary": "List tasks",' in shown
    assert main(["--target", str(target)]) == 0
    assert main(["--check", "--target", str(target)]) == 0
    assert target.read_text() == text


def test_missing_document_has_drifted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "--target", str(tmp_path / "openapi.json")]) == 1
    assert len(capsys.readouterr().out.splitlines()) == MOST_LINES + 1


def test_export_needs_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "FOLLOWTHROUGH_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORT", "no number")
    assert main(["--target", str(tmp_path / "openapi.json")]) == 0
