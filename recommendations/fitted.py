"""Fitted models in memory: those of the version that the database serves at present, read when it changes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, TypedDict

from tenants.connections import casino_atomic, current_alias

from .models import FittedModel
from .recommenders import neighbours

CAPACITY = 64

# For the select list of any query.
MODEL_VERSION = "(SELECT max(version) FROM fitted_models)"

_DECODE: dict[str, Callable[[bytes], Any]] = {"neighbours": neighbours.Model.decode}


class Served(TypedDict):
    models: dict[str, Any]
    model_version: str


NOTHING: Served = {"models": {}, "model_version": ""}


class Models:
    """The models of the casinos asked for last. Safe under threads: what was fitted never changes."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[str, tuple[int, Served]] = OrderedDict()
        self._guard = threading.Lock()

    def at(self, version: int | None) -> Served:
        """The current casino's models as of this version."""
        if version is None:
            return NOTHING
        alias = current_alias()
        with self._guard:
            kept = self._kept.get(alias)
            if kept is not None and kept[0] == version:
                self._kept.move_to_end(alias)
                return kept[1]
        return self._keep(alias, version, _read(version))

    def clear(self) -> None:
        """Forget all: for tests, whose databases change back."""
        with self._guard:
            self._kept.clear()

    def _keep(self, alias: str, version: int, served: Served) -> Served:
        with self._guard:
            self._kept[alias] = version, served
            self._kept.move_to_end(alias)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return served


models = Models(CAPACITY)


def _read(version: int) -> Served:
    rows = FittedModel.objects.filter(version=version).values_list("recommender", "fitted")
    return {
        "models": {name: _DECODE[name](bytes(fitted)) for name, fitted in rows if name in _DECODE},
        "model_version": str(version),
    }


def store_models(fitted: Iterable[tuple[str, bytes]], *, coupons: int) -> int:
    """Keep models of the current casino, (recommender, encoded) each, to be served from now on, and answer their
    version."""
    with casino_atomic():
        version = 1 + (FittedModel.objects.order_by("-version").values_list("version", flat=True).first() or 0)
        FittedModel.objects.bulk_create(
            FittedModel(version=version, recommender=name, fitted=encoded, coupons=coupons) for name, encoded in fitted
        )
        FittedModel.objects.filter(version__lt=version - 1).delete()  # the one before may still be being read
    return version
