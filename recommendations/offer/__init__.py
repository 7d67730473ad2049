"""The offer: a casino's events as columns in memory, synchronised with its database at every request."""

from .cache import CachedOffer, OfferCache, offers, read_offer
from .columns import Column, Pair
from .dictionaries import Dictionary
from .queries import OFFER_COLUMNS, load_offer
from .snapshot import ATTRIBUTES, Memo, MemoKey, Offer, build_offer, offer_of_columns

__all__ = [
    "ATTRIBUTES",
    "OFFER_COLUMNS",
    "CachedOffer",
    "Column",
    "Dictionary",
    "Memo",
    "MemoKey",
    "Offer",
    "OfferCache",
    "Pair",
    "build_offer",
    "load_offer",
    "offer_of_columns",
    "offers",
    "read_offer",
]
