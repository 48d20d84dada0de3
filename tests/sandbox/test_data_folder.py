"""The data folder is its owner's alone, taken from nobody, and its secrets are whole or a sentence."""

import stat
from pathlib import Path

import pytest

from sandbox.data_folder import keep_token, occupied, read_secrets
from sandbox.launch import ServerFailedError


def test_open_folder_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    with occupied(folder) as killed:
        keep_token(folder, read_secrets(folder).token)
        assert not killed
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for name in ("secrets.json", "token"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert {path.name for path in folder.iterdir()} == {"run.lock", "secrets.json", "token"}


def test_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ServerFailedError, match="holds other things"), occupied(tmp_path):
        pass
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("below", ["", "folder"])
def test_file_in_place_of_the_folder_is_a_sentence(tmp_path: Path, below: str) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(ServerFailedError, match="choose another folder with FOLLOWTHROUGH_DATA"), occupied(tmp_path / "data" / below):
        pass


def test_one_run_holds_the_folder_and_a_killed_one_is_noticed(tmp_path: Path) -> None:
    with occupied(tmp_path):
        with pytest.raises(ServerFailedError, match="in use by another"), occupied(tmp_path):
            pass
        left_behind = (tmp_path / "run.lock").read_text()
    with occupied(tmp_path) as killed:
        assert not killed
    (tmp_path / "run.lock").write_text(left_behind)
    with occupied(tmp_path) as killed:
        assert killed


def test_secrets_stay_the_same(tmp_path: Path) -> None:
    assert read_secrets(tmp_path) == read_secrets(tmp_path)


@pytest.mark.parametrize(
    "found", ["", '{"secret_key": "abc', "[]", '{"token": "ft_1"}', '{"secret_key": "abc", "token": "ft_1"}', "\udcff"]
)
def test_damaged_secrets_are_a_sentence_that_names_the_file(tmp_path: Path, found: str) -> None:
    (tmp_path / "secrets.json").write_bytes(found.encode(errors="surrogateescape"))
    with pytest.raises(ServerFailedError, match=r"secrets\.json is damaged.*Removing it loses"):
        read_secrets(tmp_path)
