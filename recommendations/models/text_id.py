"""The dictionary of ids that are text."""

from django.db import models

from tenants.orm.model import CasinoModel


class TextId(CasinoModel):
    """A casino's own id that is not a whole number, such as `sr:match:123`: all other tables have `id` for `text`.

    `kind` is the table of the row with this id. That row, a change that waits for it, or a coupon that names it has
    been stored. An assignment never changes. The ids start far above the ids that casinos choose and that tables
    generate, so that no other row has them.
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
