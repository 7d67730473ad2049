"""What can go wrong between a casino's data and a recommendation."""


class RecommendationError(Exception):
    """Base of this app's errors."""


class InvalidRow(RecommendationError):
    """A user, event or coupon that can't be stored: `code` is stable, `field` is at fault, `problem` says how."""

    def __init__(self, code: str, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.code, self.field, self.problem = code, field, problem


class InvalidConfiguration(RecommendationError):
    """A recommender, a recommendation schema or options that can't be served."""


class CasinoNotConfigured(RecommendationError):
    """A recommendation was asked before a configuration was set."""


class UserNotFound(RecommendationError):
    """The casino has no such user."""


class NoOpenEvents(RecommendationError):
    """Something needs events that can be bet on now, and the casino has none."""


class InvalidParameter(RecommendationError):
    """A request asks for something that no recommendation can be."""


class UnknownTalliesFormat(RecommendationError):
    """A user's tallies were written by other code than this."""


class InvalidHistory(RecommendationError):
    """A file of events or coupons that can't be replayed; the message names the line and the column."""
