"""A casino's database, for routing. Imports nothing of this app, so that every module may import it."""

from dataclasses import dataclass, field
from uuid import UUID

CATALOGUE = "default"  # Django's alias of the catalogue database
MAIN = "main"  # the server that DATABASE_URL names


@dataclass(frozen=True, slots=True)
class CurrentCasino:
    """A casino's id and the location of its database. `alias` is Django's of this database: it never changes, and never
    names another one."""

    id: int
    db_name: str
    server: str = MAIN
    generation: int = 1
    identity: UUID | None = None
    alias: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        alias = f"casino_{self.id}" if self.generation == 1 else f"casino_{self.id}_g{self.generation}"
        object.__setattr__(self, "alias", alias)
