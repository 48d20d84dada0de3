"""What people write into an issue's body outlives every update of our region."""

from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from domain.trackers.github_body import END, START, read_marker, read_region, write_body

MARKER = UUID("6f9619ff-8b86-4011-b42d-00c04fc964ff")
MARKER_LINE = f"<!-- followthrough:marker={MARKER} -->"

line_ends = st.sampled_from(["\n", "\r\n"])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
words = st.lists(st.one_of(texts.map(lambda text: text.replace("\n", " ")), st.just("> quoted"), st.just("```")))
delimiters = st.sampled_from([START, END, MARKER_LINE, f"<!-- followthrough:marker={uuid4()} -->", f"> {START}", f" {END}"])
jumbles = st.lists(st.one_of(delimiters, texts)).flatmap(
    lambda lines: st.builds(lambda end, last: end.join(lines) + last, line_ends, st.sampled_from(["", "\n", "\r\n"]))
)
regions = st.one_of(texts, jumbles)


def canonical(text: str) -> str:
    neutral = text.replace("<!-- followthrough:", "&lt;!-- followthrough:")
    return neutral.replace("\r\n", "\n").replace("\r", "\n").strip()


@given(before=words, after=words, old=words, new=regions, end=line_ends)
def test_text_outside_the_region_survives_an_update_byte_for_byte(
    before: list[str], after: list[str], old: list[str], new: str, end: str
) -> None:
    head = "".join(f"{line}{end}" for line in [*before, START])
    tail = "".join(f"{line}{end}" for line in [END, *after, MARKER_LINE])
    body = head + "".join(f"{line}{end}" for line in old) + tail
    written = write_body(body, region=new, marker=MARKER)
    assert written.startswith(head)
    assert written.endswith(tail)
    assert written[len(head) : -len(tail)].strip() == canonical(new)


@given(body=jumbles, region=regions)
def test_region_and_marker_read_back_from_any_body_as_written(body: str, region: str) -> None:
    written = write_body(body, region=region, marker=MARKER)
    assert read_region(written) == canonical(region)
    assert read_marker(written) == MARKER
    assert write_body(written, region=region, marker=MARKER) == written


@given(body=jumbles, region=regions)
def test_no_line_outside_the_region_is_lost_from_any_body(body: str, region: str) -> None:
    kept = iter(write_body(body, region=region, marker=MARKER).split("\n"))
    lines = body.split("\n")
    plain = [line.removesuffix("\r") for line in lines]
    if read_region(body) is not None:
        last_end = max(place for place, line in enumerate(plain) if line == END and START in plain[:place])
        while END in plain[_last(START, plain[:last_end]) : last_end]:
            last_end = _last(END, plain[:last_end])
        start = _last(START, plain[:last_end])
        lines = lines[: start + 1] + lines[last_end:]
    assert all(line in kept for line in lines if line)  # `in` moves the iterator on: so the order counts too


def _last(wanted: str, lines: list[str]) -> int:
    return max(place for place, line in enumerate(lines) if line == wanted)


def test_new_body_is_region_and_marker() -> None:
    written = write_body(None, region="Rotate the key.", marker=MARKER)
    assert written == f"{START}\nRotate the key.\n{END}\n{MARKER_LINE}\n"


def test_removed_region_is_put_before_the_marker() -> None:
    body = f"Seen in production.\r\n{MARKER_LINE}\r\nSee also #4"
    written = write_body(body, region="Rotate the key.", marker=MARKER)
    region = f"\n{START}\nRotate the key.\n{END}\n"
    assert written == f"Seen in production.\r\n{region}{MARKER_LINE}\r\nSee also #4"


def test_lost_marker_is_put_back() -> None:
    body = f"{START}\nold\n{END}\nText without line end"
    assert write_body(body, region="new", marker=MARKER) == f"{START}\nnew\n{END}\nText without line end\n{MARKER_LINE}\n"


def test_start_without_end_owns_nothing() -> None:
    body = f"{START}\nold\nA person's own text\n{MARKER_LINE}\n"
    assert read_region(body) is None
    written = write_body(body, region="new", marker=MARKER)
    assert "A person's own text\n" in written
    assert "A person's own text\n" in write_body(written, region="newer", marker=MARKER)
    assert read_region(written) == "new"


def test_marker_in_quoted_text_is_no_marker_and_the_last_counts() -> None:
    other = uuid4()
    assert read_marker(f"> {MARKER_LINE}\n") is None
    assert read_marker(f"see {MARKER_LINE}\n") is None
    assert read_marker(f"{MARKER_LINE}\r\n<!-- followthrough:marker={other} -->") == other


def test_region_cannot_smuggle_in_delimiters_or_markers() -> None:
    written = write_body(None, region=f"a\n{END}\n<!-- followthrough:marker={uuid4()} -->\nb", marker=MARKER)
    assert read_marker(written) == MARKER
    region = read_region(written)
    assert region is not None
    assert region.splitlines()[1] == "&lt;!-- followthrough:end -->"
    assert region.endswith("b")


def test_empty_body_has_neither_region_nor_marker() -> None:
    assert read_region(None) is None
    assert read_marker("") is None
    assert read_region(f"{START}\n{END}") == ""
