"""The id and database of a casino, for routing. Imports nothing of this app, so that every module may import it."""

from uuid import UUID

import msgspec
from msgspec.structs import force_setattr

CATALOGUE = "default"  # Django's alias of the catalogue database
MAIN = "main"  # the server that DATABASE_URL names


class CurrentCasino(msgspec.Struct, frozen=True):
    """A casino's id and the location of its database. `alias`, computed, is Django's alias of this database: it never
    changes and never names another database."""

    id: int
    db_name: str
    server: str = MAIN
    generation: int = 1
    identity: UUID | None = None
    alias: str = ""

    def __post_init__(self) -> None:
        alias = f"casino_{self.id}" if self.generation == 1 else f"casino_{self.id}_g{self.generation}"
        force_setattr(self, "alias", alias)
