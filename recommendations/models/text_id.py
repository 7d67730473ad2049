"""The dictionary of ids that are text."""

from django.db import models

from tenants.orm.model import CasinoModel


class TextId(CasinoModel):
    """A casino's own id that is not a whole number, as `sr:match:123`: `id` stands for `text` in all other tables.

    `kind` is the table whose row the casino means; it, a change that waits for it, or a coupon that names it was stored
    at some time. An assignment never changes. The ids begin
    far above those that casinos choose and that tables generate, so that they are no other row's.
    """

    kind = models.CharField(max_length=20)
    text = models.CharField(max_length=128, db_collation="C")

    class Meta:
        db_table = "text_ids"
        constraints = [
            # also the index for finding the id of a text, for each message and request with one
            models.UniqueConstraint(name="text_id_unique", fields=["kind", "text"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.text}"
