"""Rows that show the casino's own ids in place of the numbers that stand for them."""

from typing import Any


class HasOwnId:
    """`text_id` is the casino's text that the row's id stands for. Queries that show rows fill it in
    (`text_ids.with_texts`); None, too, for a number."""

    pk: Any
    text_id: str | None = None

    @property
    def own_id(self) -> int | str:
        return self.text_id or int(self.pk)


class HasOwnUserId:
    """The same for the row's user: `user_text_id`."""

    user_id: Any
    user_text_id: str | None = None

    @property
    def own_user_id(self) -> int | str:
        return self.user_text_id or int(self.user_id)
