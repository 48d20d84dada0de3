"""How tokens are read: never their hash."""

from domain.filters import a_flag
from domain.reading import Listing, Sort

TOKENS = Listing(
    columns="k.id, k.name, k.hint, k.scopes, k.created_at, k.expires_at, k.revoked_at, k.last_used_at",
    source="api_tokens k",
    id="k.id",
    filters={
        "active": a_flag(
            "(k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()))",
            "Only tokens that work, or only those that don't any more.",
        )
    },
    sorts={"created_at": Sort("k.id", "uuid")},
)
