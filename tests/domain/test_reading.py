"""Only constants of the code get into SQL; every value of a caller is a parameter."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.filters import a_flag, a_text, texts
from domain.reading import After, Ask, Listing, Sort, one_statement, page_statement

LISTING = Listing(
    columns="r.id",
    source="rows r",
    id="r.id",
    condition="r.live",
    filters={"name": texts("r.name = ANY({})", ""), "q": a_text("(r.q = {} OR r.p = {})", ""), "late": a_flag("r.late", "")},
    sorts={"created_at": Sort("r.id", "uuid"), "name": Sort("r.name", "text")},
)


@given(st.text(min_size=1), st.text(min_size=1), st.sampled_from(["created_at", "-created_at", "name", "-name"]))
def test_no_value_gets_into_the_statement(text: str, key: str, sort: str) -> None:
    ask = Ask({"name": [text], "q": text}, sort, 10, After(key, UUID(int=7)))
    statement, parameters = page_statement(LISTING, ask)
    other, _ = page_statement(LISTING, Ask({"name": ["a"], "q": "b"}, sort, 10, After("c", UUID(int=8))))
    assert statement == other
    assert [text] in parameters
    assert text in parameters
    place = parameters.index(text) + 1
    assert f"(r.q = ${place} OR r.p = ${place})" in statement


def test_flag_chooses_a_condition_without_a_parameter() -> None:
    yes, with_yes = page_statement(LISTING, Ask({"late": True}, "name", 10))
    no, with_no = page_statement(LISTING, Ask({"late": False}, "name", 10))
    assert with_yes == with_no
    assert True not in with_yes
    assert "AND r.late" in yes
    assert "AND NOT (r.late)" in no


def test_order_ends_with_the_id_so_that_it_is_total() -> None:
    assert "ORDER BY r.name DESC, r.id DESC" in page_statement(LISTING, Ask({}, "-name", 10))[0]
    assert "ORDER BY r.id ASC" in page_statement(LISTING, Ask({}, "created_at", 10))[0]
    assert one_statement(LISTING).endswith("WHERE r.id = $1 AND r.live")
