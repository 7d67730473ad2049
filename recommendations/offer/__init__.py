"""The offer: a casino's events as columns in memory, synchronised with its database at every request."""

from .cache import CachedOffer, OfferCache, offers, read_offer
from .columns import Column, Dictionary
from .event_texts import EventTexts
from .queries import OFFER_COLUMNS, load_offer
from .snapshot import ATTRIBUTES, OWN_ODD, TEXTS, Memo, MemoKey, Offer, build_offer, offer_of_columns

__all__ = [
    "ATTRIBUTES",
    "OFFER_COLUMNS",
    "OWN_ODD",
    "TEXTS",
    "CachedOffer",
    "Column",
    "Dictionary",
    "EventTexts",
    "Memo",
    "MemoKey",
    "Offer",
    "OfferCache",
    "build_offer",
    "load_offer",
    "offer_of_columns",
    "offers",
    "read_offer",
]
