"""Previews of recommendations: the slip of each recommender for a user. They send no signal and store nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db.models import Q

from recommendations.errors import UserNotFound
from recommendations.models import PurchasedCoupon, User
from recommendations.offer import ATTRIBUTES
from recommendations.prices.refusals import Refusal
from recommendations.recommenders.base import ProfilePart
from recommendations.recommenders.registry import RECOMMENDERS, get_recommender
from recommendations.tallies.user_tallies import Tallies
from recommendations.text_ids import Kind, id_of, with_texts
from recommendations.validation.identity import title_of
from recommendations.validation.normal_form import name_form
from recommendations.validation.own_ids import OwnId, parse_own_id

from .engine import CasinoContext, RecommendationRequest, build_recommendation
from .load import Found, FoundUser, build_user_context, find, with_fresh_pairs
from .options import DEFAULTS, Options
from .output_schema import FieldMapping, apply_schema, needs_reasons
from .recommendation import Recommendation

_MAX_TEXT = 100


@dataclass(frozen=True, slots=True)
class Favourite:
    """An attribute's (value, number of selections) in a user's coupons, the most frequent first."""

    attribute: str
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """One user's favourites, none without `personalisation`, and the slip of each requested recommender by its name.
    `user_id`: the stored id. `closed_feeds`: (producer, code of the refusal) of producers whose prices are not
    served."""

    user_id: int
    favourites: tuple[Favourite, ...]
    slips: dict[str, Recommendation]
    closed_feeds: tuple[tuple[str, str], ...]
    personalisation: bool


def preview_recommenders(
    *, casino_id: int, user_id: OwnId, now: datetime, options: Options = DEFAULTS, names: Sequence[str] = ()
) -> Preview:
    """The slips of these recommenders, by default of all in the registry, for a user of the current casino, with one
    query. Raises UserNotFound, InvalidConfiguration."""
    requests = {
        name: RecommendationRequest(casino_id, get_recommender(name), now, options, needs_reasons=True)
        for name in names or RECOMMENDERS
    }
    found, user = _find(user_id, now, frozenset().union(*(request.needs for request in requests.values())))
    slips = {name: _answer(request, user, found.casino_context) for name, request in requests.items()}
    return Preview(
        user_id=user.user_id,
        favourites=_favourites(user.tallies()) if user.personalisation else (),
        slips=slips,
        closed_feeds=_closed_feeds(found.casino_context, options),
        personalisation=user.personalisation,
    )


def preview_configuration(
    *,
    casino_id: int,
    recommender_type: str,
    schema: tuple[FieldMapping, ...],
    options: Options,
    user_id: OwnId,
    now: datetime,
) -> dict[str, Any]:
    """The response of `/recommend/<user_id>` with this configuration. Raises UserNotFound, IdNotOfType."""
    recommender = get_recommender(recommender_type)
    request = RecommendationRequest(casino_id, recommender, now, options, needs_reasons=needs_reasons(schema))
    found, user = _find(user_id, now, request.needs)
    return apply_schema(schema, _answer(request, user, found.casino_context))


def find_users(text: str, *, after: int = 0, limit: int) -> list[User]:
    """Users of the current casino, sorted by id: the user with this id, and users above the stored id `after` whose
    names contain all words."""
    text = text.replace("\0", "")  # PostgreSQL refuses text with a NUL
    users = with_texts(User.objects.filter(pk__gt=after))
    if name_form(text).isdecimal():
        return list(users.filter(pk=find_user_id(text) or 0))  # no user has the id 0
    named = Q()
    for word in name_form(text)[:_MAX_TEXT].split():
        named &= Q(name__icontains=word) | Q(surname__icontains=word)
    with_id = find_user_id(text) if text else None
    return list(users.filter(named if with_id is None else named | Q(pk=with_id)).order_by("pk")[:limit])


def find_user_id(text: str) -> int | None:
    """The stored id of the user with this id in the current casino; None for text that is no id or an unknown one."""
    own = parse_own_id(text)
    return None if own is None else id_of(Kind.USERS, own)


def latest_coupons(user_id: int, *, limit: int) -> list[PurchasedCoupon]:
    return list(with_texts(PurchasedCoupon.objects.filter(user_id=user_id)).order_by("-timestamp", "-pk")[:limit])


def _answer(request: RecommendationRequest, user: FoundUser, casino_context: CasinoContext) -> Recommendation:
    needs_pairs = user.personalisation and ProfilePart.FAVORITE_PAIRS in request.needs
    fresh = with_fresh_pairs(user, request, casino_context) if needs_pairs else user
    return build_recommendation(request, build_user_context(fresh, request, casino_context), casino_context, uuid4())


def _find(user_id: OwnId, now: datetime, needs: frozenset[ProfilePart]) -> tuple[Found, FoundUser]:
    hour = now.replace(minute=0, second=0, microsecond=0)
    found = find([user_id], now, hour.timestamp(), needs)
    user = found.users.get(user_id)
    if user is None:
        raise UserNotFound("User not found")
    return found, user


def _closed_feeds(context: CasinoContext, options: Options) -> tuple[tuple[str, str], ...]:
    feeds = None if context.prices is None else context.prices.feeds
    producers = sorted(feeds.producers.values(), key=lambda each: each.name) if feeds is not None else []
    refusals = ((each.name, each.refusal(options.feed_silence_seconds)) for each in producers)
    return tuple((name, refusal.code) for name, refusal in refusals if refusal is not Refusal.OPEN)


def _favourites(tallies: Tallies) -> tuple[Favourite, ...]:
    counts = {attribute: tallies.counts.get(attribute, {}) for attribute in ATTRIBUTES}
    return tuple(
        Favourite(
            attribute, tuple((title_of(value), int(counts[attribute][value])) for value in tallies.top(attribute, 3))
        )
        for attribute in ATTRIBUTES
        if counts[attribute]
    )
