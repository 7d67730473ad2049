"""The dictionary of ids that are text: for each text of a casino, the number that stands for it in all other tables.

- `dictionary`: assigning and looking up numbers and texts, in the current casino's database.
- `querysets`: stored rows with their texts, to be shown.
- `rows`: rows of messages with the numbers of their texts.
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
