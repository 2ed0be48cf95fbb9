"""A namespace that was made for clones."""

# Annotations are not postponed here: msgspec would compile each one in every process that reads a list.
from datetime import datetime

import msgspec


class Env(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace with clones of the claims of another one, its `source`. `expires` is None when it is to stay."""

    name: str
    uid: str
    created: datetime
    source: str = ""
    expires: datetime | None = None
    is_deleted: bool = False  # asked for; it is still there

    def __str__(self) -> str:
        return self.name
