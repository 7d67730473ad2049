"""Rows that are shown with the casino's own ids in place of the stored numbers."""

from typing import Any


class HasOwnId:
    """A row with the casino's own id. `text_id` is that id if it is text; None if it is a number, or if the query does
    not add it (`text_ids.with_texts`)."""

    pk: Any
    text_id: str | None = None

    @property
    def own_id(self) -> int | str:
        return self.text_id or int(self.pk)


class HasOwnUserId:
    """A row with a user. `user_text_id` is the user's own id as text, like `HasOwnId.text_id`."""

    user_id: Any
    user_text_id: str | None = None

    @property
    def own_user_id(self) -> int | str:
        return self.user_text_id or int(self.user_id)
