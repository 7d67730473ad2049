"""`options.catalogue`: the sports, currencies, genders and countries that a casino offers.

Without a list, all values are offered, and values in new messages are learnt.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from recommendations.errors import InvalidRow
from recommendations.validation import fields
from recommendations.validation.currencies import MAX_DECIMALS, decimals_of, smallest_amount

MAX_LISTED = 1_000
MAX_OWN_CURRENCIES = 100

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Names = Annotated[tuple[Name, ...], Meta(min_length=1, max_length=MAX_LISTED)]
Decimals = Annotated[int, Meta(ge=0, le=MAX_DECIMALS)]


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Messages with values that a list lacks are skipped. A missing list contains all values."""

    sports: Annotated[Names | None, Meta(description="Sports of events; null: all.")] = None
    event_countries: Annotated[Names | None, Meta(description="Countries of events; null: all.")] = None
    currencies: Annotated[
        Names | None, Meta(description="Currencies of users; null: all of ISO 4217 and of currency_decimals.")
    ] = None
    currency_decimals: Annotated[
        dict[Name, Decimals],
        Meta(max_length=MAX_OWN_CURRENCIES, description="Codes that are not of ISO 4217, with their decimals: BTC: 8."),
    ] = {}
    user_countries: Annotated[Names | None, Meta(description="Countries of users; null: all.")] = None
    genders: Annotated[Names | None, Meta(description="Genders of users; null: all.")] = None

    def smallest_amount(self, currency: str) -> Decimal | None:
        """The currency's smallest payable amount; None for a currency that the casino does not offer."""
        if self.currencies is not None and currency not in self.currencies:
            return None
        return smallest_amount(currency, self.currency_decimals)


OPEN_CATALOGUE = Catalogue()


def catalogue_as_stored(catalogue: Catalogue) -> Catalogue:
    """The catalogue with values in the form of rows. Raises InvalidRow for an invalid value, or one that contradicts
    another."""
    if catalogue == OPEN_CATALOGUE:
        return catalogue
    decimals = {fields.currency(_DECIMALS, code): number for code, number in catalogue.currency_decimals.items()}
    if len(decimals) < len(catalogue.currency_decimals):
        raise InvalidRow("inconsistent", _DECIMALS, "has a code twice: upper and lower case are the same; remove one")
    for code, number in decimals.items():
        if (official := decimals_of(code)) is not None:
            problem = f"has {code} with {number} decimals; it is of ISO 4217, with {official}: leave it out"
            raise InvalidRow("inconsistent", _DECIMALS, problem)
    stored = Catalogue(
        sports=_validated("sports", catalogue.sports, fields.sport),
        event_countries=_validated("event_countries", catalogue.event_countries, fields.classifier),
        currencies=_validated("currencies", catalogue.currencies, fields.currency),
        currency_decimals=decimals,
        user_countries=_validated("user_countries", catalogue.user_countries, fields.classifier),
        genders=_validated("genders", catalogue.genders, fields.gender),
    )
    require_known_currencies("catalogue.currencies", stored.currencies or (), stored)
    return stored


_DECIMALS = "catalogue.currency_decimals"


def _validated(name: str, values: tuple[str, ...] | None, validate: fields.Validate) -> tuple[str, ...] | None:
    return None if values is None else tuple(dict.fromkeys(validate(f"catalogue.{name}", each) for each in values))


def require_known_currencies(field: str, codes: Iterable[str], catalogue: Catalogue) -> None:
    """Raises InvalidRow for a code with an unknown number of decimals."""
    for code in codes:
        if smallest_amount(code, catalogue.currency_decimals) is None:
            problem = f"has {code}, which is no currency of ISO 4217: add its number of decimals to {_DECIMALS}"
            raise InvalidRow("unknown_value", field, problem)
