"""The offer: a casino's events as columns in memory, as fresh as its database at every request."""

from .cache import Known, OfferCache, offers, read_offer
from .columns import Column, Dictionary, Pair
from .queries import OFFER_COLUMNS, load_offer
from .snapshot import ATTRIBUTES, Offer, build_offer, offer_of_columns

__all__ = [
    "ATTRIBUTES",
    "OFFER_COLUMNS",
    "Column",
    "Dictionary",
    "Known",
    "Offer",
    "OfferCache",
    "Pair",
    "build_offer",
    "load_offer",
    "offer_of_columns",
    "offers",
    "read_offer",
]
