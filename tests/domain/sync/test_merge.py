"""The merge, with properties: whatever both sides did, they end the same, and a second look finds nothing to do."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.sync.merge import Ages, canon, canon_all, merge
from domain.sync.table import Side
from domain.trackers.contract import Field, Fields

NOON = datetime(2026, 8, 10, 12, tzinfo=UTC)
LOCAL_NEWER = Ages(NOON + timedelta(seconds=1), NOON)
REMOTE_NEWER = Ages(NOON, NOON + timedelta(seconds=1))
TIE = Ages(NOON, NOON)

texts = st.text(alphabet="ab \r\n\u00e4", max_size=8)
labels = st.lists(st.sampled_from(["a", "B", "c", " d "]), max_size=4)


@st.composite
def fields(draw: st.DrawFn) -> Fields:
    return canon_all(
        {
            Field.TITLE: draw(texts),
            Field.BODY: draw(texts),
            Field.STATUS: draw(st.sampled_from(["open", "done", "cancelled"])),
            Field.LABELS: draw(labels),
        },
        title_limit=256,
    )


def state(title: str = "t", body: str = "b", status: str = "open", labels: tuple[str, ...] = ()) -> Fields:
    return {Field.TITLE: title, Field.BODY: body, Field.STATUS: status, Field.LABELS: list(labels)}


@given(fields(), fields(), fields(), st.sampled_from([LOCAL_NEWER, REMOTE_NEWER, TIE]))
def test_both_sides_end_the_same_and_a_second_look_finds_nothing(base: Fields, local: Fields, remote: Fields, ages: Ages) -> None:
    merged = merge(base, local, remote, ages=ages)
    after_local, after_remote = local | merged.pull, remote | merged.push
    assert after_local == after_remote == merged.agreed
    again = merge(merged.agreed, after_local, after_remote, ages=ages)
    assert (again.pull, again.push, again.conflicts) == ({}, {}, ())


@given(fields(), fields(), st.sampled_from([LOCAL_NEWER, REMOTE_NEWER, TIE]))
def test_change_of_one_side_alone_wins_without_a_conflict(base: Fields, changed: Fields, ages: Ages) -> None:
    pushed = merge(base, changed, base, ages=ages)
    assert (pushed.agreed, pushed.pull, pushed.conflicts) == (changed, {}, ())
    pulled = merge(base, base, changed | {Field.BODY: base[Field.BODY]}, ages=ages)
    assert (pulled.agreed, pulled.push, pulled.conflicts) == (changed | {Field.BODY: base[Field.BODY]}, {}, ())


@given(fields(), fields(), fields())
def test_label_that_somebody_added_is_kept_and_one_that_somebody_removed_is_gone(base: Fields, local: Fields, remote: Fields) -> None:
    before, here, there = (set(side[Field.LABELS] or ()) for side in (base, local, remote))
    after = set(merge(base, local, remote, ages=TIE).agreed[Field.LABELS] or ())
    assert (here - before) | (there - before) <= after
    assert not ((before - here) | (before - there)) & after


@given(fields(), fields(), fields(), st.sampled_from([LOCAL_NEWER, REMOTE_NEWER, TIE]))
def test_loser_of_a_conflict_is_kept_in_its_record(base: Fields, local: Fields, remote: Fields, ages: Ages) -> None:
    merged = merge(base, local, remote, ages=ages)
    for conflict in merged.conflicts:
        assert (conflict.local, conflict.remote) == (local[conflict.field], remote[conflict.field])
        winner = conflict.local if conflict.winner is Side.LOCAL else conflict.remote
        assert merged.agreed[conflict.field] == winner


def test_newer_title_wins_and_a_tie_goes_to_the_tracker() -> None:
    base, local, remote = state("old"), state("ours"), state("theirs")
    assert merge(base, local, remote, ages=LOCAL_NEWER).agreed[Field.TITLE] == "ours"
    assert merge(base, local, remote, ages=REMOTE_NEWER).agreed[Field.TITLE] == "theirs"
    assert merge(base, local, remote, ages=TIE).agreed[Field.TITLE] == "theirs"


def test_close_in_the_tracker_beats_a_newer_local_change_that_is_no_close() -> None:
    base, local, remote = state(status="cancelled"), state(status="open"), state(status="done")
    assert merge(base, local, remote, ages=LOCAL_NEWER).agreed[Field.STATUS] == "done"


def test_reopening_in_the_tracker_needs_the_newer_act() -> None:
    base, local, remote = state(status="done"), state(status="cancelled"), state(status="open")
    assert merge(base, local, remote, ages=REMOTE_NEWER).agreed[Field.STATUS] == "open"
    assert merge(base, local, remote, ages=LOCAL_NEWER).agreed[Field.STATUS] == "cancelled"


def test_edit_within_the_managed_region_is_recorded_then_overwritten() -> None:
    merged = merge(state(body="ours"), state(body="ours"), state(body="meddled"), ages=REMOTE_NEWER)
    assert merged.push == {Field.BODY: "ours"}
    assert [(conflict.field, conflict.winner) for conflict in merged.conflicts] == [(Field.BODY, Side.LOCAL)]


def test_values_that_mean_the_same_are_the_same() -> None:
    assert canon(Field.TITLE, " a \n b ", title_limit=256) == "a b"
    assert canon(Field.BODY, "a  \r\nb\r\n", title_limit=256) == "a\nb"
    assert canon(Field.LABELS, ["B", "a", "b ", ""], title_limit=256) == ["a", "b"]
    long = canon(Field.TITLE, "x" * 300, title_limit=256)
    assert isinstance(long, str)
    assert (len(long), long[-1]) == (256, "…")


@given(st.text(), st.sampled_from([Field.TITLE, Field.BODY]))
def test_canonical_form_is_stable(text: str, field: Field) -> None:
    once = canon(field, text, title_limit=256)
    assert canon(field, once, title_limit=256) == once
