"""The dictionary of text ids: for each of a casino's texts, the number that stands for it in all other tables.

- `dictionary`: assigns and looks up numbers and texts in the current casino's database.
- `querysets`: adds texts to stored rows, for display.
- `rows`: replaces the texts in messages' rows by numbers.
"""

from .dictionary import (
    Kind,
    assign,
    generated_id,
    id_of,
    ids_of,
    is_text_id,
    own_id_of,
    texts_of,
    with_own_ids,
)
from .querysets import with_texts
from .rows import stored_id, with_stored_ids

__all__ = [
    "Kind",
    "assign",
    "generated_id",
    "id_of",
    "ids_of",
    "is_text_id",
    "own_id_of",
    "stored_id",
    "texts_of",
    "with_own_ids",
    "with_stored_ids",
    "with_texts",
]
