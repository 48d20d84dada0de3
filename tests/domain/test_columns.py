"""Ids grow with time, and enumerations are stored as checked text."""

import pytest

from domain.columns import TextEnum, new_id, one_of
from domain.tasks.table import TaskStatus


def test_ids_are_uuids_of_version_7_and_grow() -> None:
    ids = [new_id() for _ in range(2_000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 2_000
    assert {one.version for one in ids} == {7}


def test_enumeration_refuses_other_texts() -> None:
    column = TextEnum(TaskStatus)
    dialect = None
    assert column.process_bind_param(TaskStatus.OPEN, dialect) == "open"  # type: ignore[arg-type]
    assert column.process_result_value("done", dialect) is TaskStatus.DONE  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="finished"):
        column.process_bind_param("finished", dialect)  # type: ignore[arg-type]
    assert "'cancelled'" in str(one_of("status", TaskStatus).sqltext)
