"""The words of sports feeds and casinos for the status of an event, a user or a market.

Case, blanks, `-`, `_` and `.` are ignored: "Not-Started" is `notstarted`. docs/ingestion.md has the tables.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

from recommendations.errors import InvalidRow
from recommendations.models import EventStatus, MarketStatus, UserStatus

Words = Mapping[str, str]  # normalized word -> status
NO_WORDS: Words = MappingProxyType({})

_IGNORED = re.compile(r"[\s\-_.]+")
_CACHED = 1_024
_LONGEST = 100

# API-Football's short and long forms, football-data.org, Sportradar, Sportmonks, LSports. Ambiguous words have the
# stricter status: PAUSED is half-time for one provider, and paused betting for others.
_EVENT_STATUSES = {
    EventStatus.OPEN: """
        open active available scheduled timed ns notstarted notstartedyet nsy fixture upcoming prematch abouttostart""",
    EventStatus.LIVE: """
        live inplay inprogress started running playing 1h 2h ht et bt firsthalf secondhalf 1sthalf 2ndhalf halftime
        extratime breaktime penaltyinprogress penaltyshootout penalties overtime ot inplay1sthalf inplay2ndhalf inplayet
        inplayetsecondhalf inplaypenalties extratimebreak penbreak break q1 q2 q3 q4 1stquarter 2ndquarter 3rdquarter
        4thquarter 1stextra 2ndextra awaitingextratime awaitingpenalties""",
    EventStatus.SUSPENDED: """
        suspended susp suspend paused stopped halted locked hidden delayed delay dela startdelayed postponed pst
        postp p interrupted int awaitingupdates awau coveragelost lostcoverage tbd tba timetobedefined tobeannounced
        pending rescheduled endedawaitingresult""",
    EventStatus.CANCELLED: """
        cancelled canceled canc abandoned abd aban deleted void voided removed withdrawn""",
    EventStatus.SETTLED: """
        settled closed ended end finished finish ft fulltime matchfinished aet afterextratime aot afterovertime ap
        afterpenalties pen ftpen complete completed resulted result decided awarded awd technicalloss walkover wo
        forfeit retired over""",
}
_USER_STATUSES = {
    UserStatus.ACTIVE: "active activated enabled reactivated open normal",
    UserStatus.TIME_OUT: """
        timeout timedout coolingoff cooloff coolingoffperiod coolingperiod cooldown takeabreak break paused pause""",
    UserStatus.SELF_EXCLUDED: """
        selfexcluded selfexclude selfexclusion excluded exclusion gamstop oasis permanentlyexcluded
        permanentexclusion""",
    UserStatus.CLOSED: """
        closed blocked banned suspended locked frozen disabled deactivated inactive terminated deleted restricted
        dormant deceased""",
}


# For a market or an outcome: the words for an event, and these. Some of these end an event, but not a market.
_MARKET_STATUSES = {
    EventStatus.OPEN: MarketStatus.OPEN,
    EventStatus.LIVE: MarketStatus.OPEN,
    EventStatus.SUSPENDED: MarketStatus.SUSPENDED,
    EventStatus.CANCELLED: MarketStatus.CANCELLED,
    EventStatus.SETTLED: MarketStatus.SETTLED,
}
_CLOSED_MARKETS = ("closed", "inactive", "deactivated", "handedover", "disabled")


def _by_word(words: Mapping[EventStatus, str] | Mapping[UserStatus, str]) -> Words:
    return MappingProxyType({word: status.value for status, listed in words.items() for word in _split(status, listed)})


def _split(status: str, listed: str) -> list[str]:
    return list(dict.fromkeys([normalized(status), *listed.split()]))


def normalized(word: str) -> str:
    return _IGNORED.sub("", word).casefold()


EVENT_WORDS: Words = _by_word(_EVENT_STATUSES)
USER_WORDS: Words = _by_word(_USER_STATUSES)
MARKET_WORDS: Words = MappingProxyType(
    {word: _MARKET_STATUSES[EventStatus(status)].value for word, status in EVENT_WORDS.items()}
    | dict.fromkeys(_CLOSED_MARKETS, MarketStatus.CLOSED.value)
)


def event_status(word: str, own: Words = NO_WORDS) -> str:
    """The event status of `word`, a built-in word or one of the casino's `own`. Raises InvalidRow."""
    return _status(word, _find_event, own) or _unknown(EventStatus.values)


def user_status(word: str, own: Words = NO_WORDS) -> str:
    """The user status of `word`, a built-in word or one of the casino's `own`. Raises InvalidRow."""
    return _status(word, _find_user, own) or _unknown(UserStatus.values)


def market_status(word: str, own: Words = NO_WORDS) -> str:
    """The status of a market or an outcome for `word`, a built-in word or one of the casino's `own`. Raises
    InvalidRow."""
    return _status(word, _find_market, own) or _unknown(MarketStatus.values)


def _status(word: str, find: Callable[[str], str | None], own: Words) -> str | None:
    """None also for a long word, which would fill the cache. It is not shortened: its beginning may mean another
    status."""
    return (find(word) or own.get(normalized(word))) if len(word) <= _LONGEST else None


@lru_cache(_CACHED)
def _find_event(word: str) -> str | None:
    return EVENT_WORDS.get(normalized(word))


@lru_cache(_CACHED)
def _find_user(word: str) -> str | None:
    return USER_WORDS.get(normalized(word))


@lru_cache(_CACHED)
def _find_market(word: str) -> str | None:
    return MARKET_WORDS.get(normalized(word))


def _unknown(statuses: list[str]) -> str:
    known = ", ".join(statuses)
    problem = f"must be one of {known} or a word for one (docs/ingestion.md): add yours to the option status_words"
    raise InvalidRow("unknown_value", "status", problem)
