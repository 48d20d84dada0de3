"""Comments stand on the scene of the sync."""

from tests.domain.sync.conftest import scene

__all__ = ["scene"]
