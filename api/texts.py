"""The kinds of text that requests hold, with their limits as the document shows them."""

from typing import Annotated, TypeAlias

from msgspec import Meta

# Python's $ matches before a last line feed too.
END = r"$(?!\n)"

Title: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"\S", description="One line, at most 256 characters.")]
LongText: TypeAlias = Annotated[str, Meta(max_length=20_000, description="Markdown, at most 20,000 characters.")]
Reason: TypeAlias = Annotated[str, Meta(max_length=2_000, description="Why; at most 2,000 characters.")]
Email: TypeAlias = Annotated[str, Meta(min_length=3, max_length=254, pattern="^[^@]+@[^@]+$", description="An e-mail address.")]
Slug: TypeAlias = Annotated[
    str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}" + END, description="A short name: small letters, digits and dashes.")
]
Url: TypeAlias = Annotated[str, Meta(max_length=2_000, pattern=r"^https?://[^\s]+" + END, description="An http or https address.")]
# With the prefix of its route (20 at most), a label has to keep to the 50 characters that GitHub allows.
Label: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=30, pattern=r"^[^\s,][^,]*$", description="A label; its letters become small.")
]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S", description="A name.")]
ZoneName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, description="An IANA time zone, such as Europe/Berlin.")]
