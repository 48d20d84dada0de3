"""Which postmortem a document became before, if any; imports of one document wait for one another."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import date

from sqlalchemy import BigInteger, ColumnElement, bindparam, literal_column, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.postmortems.document import Document
from domain.postmortems.parsed import TITLE_LENGTH, ParsedPostmortem
from domain.postmortems.sameness import SAME_DOCUMENT, common_share, is_same_incident
from domain.postmortems.table import IMPORTED_TITLE, Postmortem

MOST_CANDIDATES = 20  # postmortems with the same title, the newest first

LOCKS = text("SELECT pg_advisory_xact_lock(key) FROM unnest(:keys) AS key").bindparams(bindparam("keys", type_=ARRAY(BigInteger)))


async def lock_document(session: AsyncSession, document: Document, title: str | None) -> None:
    """Lets imports of the same name or the same text wait for one another, so that two at once don't make two postmortems."""
    name = (document.source_url or title or "").lower().encode()
    # Always in the order of the keys: two imports that share both never wait for each other crosswise.
    keys = sorted({_key(b"name:" + name), _key(b"text:" + document.digest)})
    await session.exec(LOCKS.bindparams(keys=keys))  # type: ignore[call-overload]


def _key(name: bytes) -> int:
    return int.from_bytes(hashlib.sha256(name).digest()[:8], signed=True)


async def find_known(session: AsyncSession, document: Document, parsed: ParsedPostmortem) -> tuple[Postmortem | None, bool]:
    """Finds what this document became before, locked, and whether it is known by its likeness alone.

    By its address; by its bytes (under no other address, where it has one); or by its title where most lines are the same.
    """
    query = select(Postmortem).with_for_update()
    if document.source_url is not None:
        known = (await session.exec(query.where(Postmortem.source_url == document.source_url))).first()
        if known is not None:
            return known, False
    without_address = col(Postmortem.source_url).is_(None)
    same_text = query.where(Postmortem.source_digest == document.digest).order_by(without_address.desc(), col(Postmortem.id))
    if document.source_url is not None:
        same_text = same_text.where(without_address)
    known = (await session.exec(same_text)).first()
    if known is not None or parsed.title is None or document.source_url is not None:
        return known, False
    known = await _find_alike(session, document, parsed, title=parsed.title)
    return known, known is not None


async def _find_alike(session: AsyncSession, document: Document, parsed: ParsedPostmortem, *, title: str) -> Postmortem | None:
    # The title as the document last gave it: people may have edited ours. It must say the same as the index.
    known_title: ColumnElement[str] = func.lower(literal_column(IMPORTED_TITLE))
    query = select(Postmortem).with_for_update().order_by(col(Postmortem.id).desc()).limit(MOST_CANDIDATES)
    query = query.where(col(Postmortem.source_url).is_(None), col(Postmortem.source_text).is_not(None))
    found = (await session.exec(query.where(known_title == func.lower(title[:TITLE_LENGTH])))).all()
    texts = [(one.source_text or "", _incident_day(one)) for one in found]
    index = await asyncio.to_thread(_most_alike, texts, document.source, parsed) if texts else None
    return None if index is None else found[index]


def _incident_day(known: Postmortem) -> date | None:
    stored = (known.imported or {}).get("incident_date")
    return date.fromisoformat(stored) if stored else None


def _most_alike(known: Sequence[tuple[str, date | None]], source: str, parsed: ParsedPostmortem) -> int | None:
    shares = [common_share(text, source) for text, _ in known]
    likely = sorted((index for index in range(len(known)) if shares[index] >= SAME_DOCUMENT), key=lambda index: -shares[index])
    return next((index for index in likely if is_same_incident(*known[index], parsed)), None)
