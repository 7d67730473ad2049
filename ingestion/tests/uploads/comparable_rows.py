"""All rows of a casino's database in a form that is equal for equal messages of any transport.

Numbers that stand for texts are replaced by the texts, and teams by their names. Sequence numbers, times of storing and
values that depend on the transport are left out.
"""

from typing import Any

import msgspec
from django.apps import apps
from django.conf import settings
from django.db.models import Model

from ingestion.models import DeadLetter, MessageCount, PartitionOffset, Upload
from recommendations.models import CasinoTally, OfferChange, OfferVersion, PriceVersion, Team, TextId, UserTallies
from recommendations.text_ids import is_text_id
from tenants.models import Casino
from tenants.routing.context import use_casino

TRANSPORT_MODELS: set[type[Model]] = {PartitionOffset, Upload, DeadLetter}
# Left out: the offer's versions count its transactions; outcomes are counted by the hour.
CHANGING_MODELS: set[type[Model]] = {OfferVersion, OfferChange, PriceVersion, MessageCount}
KEEP_THEIR_ID = {"users", "events", "purchased_coupons"}
TIMES_OF_STORING = {"stored_at", "learnt_at", "added_at", "waiting_since", "last_updated"}
ABOUT_THE_TRANSPORT = {"message"}

Rows = dict[str, list[str]]


def comparable_rows(casino: Casino) -> Rows:
    """The rows of each table, by the table's name."""
    with use_casino(casino.current):
        translation = _Translation()
        models = [each for app in settings.CASINO_APPS for each in apps.get_app_config(app).get_models()]
        compared = [each for each in models if each not in TRANSPORT_MODELS | CHANGING_MODELS]
        return {each._meta.db_table: sorted(translation.rows(each)) for each in compared}


class _Translation:
    def __init__(self) -> None:
        self._texts = dict(TextId.objects.values_list("id", "text"))
        self._teams = {
            each.pk: f"{each.name} {each.sport} {each.country} {each.category}" for each in Team.objects.all()
        }

    def rows(self, model: type[Model]) -> list[str]:
        table = model._meta.db_table
        left_out = TIMES_OF_STORING | ABOUT_THE_TRANSPORT | (set() if table in KEEP_THEIR_ID else {"id"})
        columns = [field.attname for field in model._meta.concrete_fields if field.attname not in left_out]
        return [str(self._row(model, dict(zip(columns, row, strict=True)))) for row in _all(model, columns)]

    def _row(self, model: type[Model], row: dict[str, Any]) -> dict[str, Any]:
        if model is UserTallies:
            row["tallies"] = msgspec.msgpack.decode(row["tallies"], strict=False)
        if model is CasinoTally:  # sums of floats, in the order of the batches
            row |= {name: float(f"{row[name]:.9g}") for name in ("weight", "trend")}
        return {name: self._teams[each] if name == "team_id" else self._read(each) for name, each in row.items()}

    def _read(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._read(name): self._read(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._read(each) for each in value]
        if isinstance(value, int) and is_text_id(value):
            return self._texts[value]
        if isinstance(value, str) and value.isdecimal() and is_text_id(int(value)):
            return self._texts[int(value)]
        return value


def _all(model: type[Model], columns: list[str]) -> Any:
    return model._default_manager.values_list(*columns)
