"""The errors of this app."""


class RecommendationError(Exception):
    """Base of this app's errors."""


class InvalidRow(RecommendationError):
    """A row that can't be stored: a stable `code`, the invalid `field`, and the `problem` in words."""

    def __init__(self, code: str, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.code, self.field, self.problem = code, field, problem


class InvalidConfiguration(RecommendationError):
    """An invalid recommender, recommendation schema or option."""


class InvalidExperiment(RecommendationError):
    """An invalid definition of an experiment."""


class ExperimentNotFound(RecommendationError):
    """The casino has no experiment of this name."""


class ExperimentConflict(RecommendationError):
    """The state of an experiment, or of the casino's others, does not allow this."""


class CasinoNotConfigured(RecommendationError):
    """A recommendation was requested before the casino was configured."""


class UserNotFound(RecommendationError):
    """The casino has no such user."""


class EventNotFound(RecommendationError):
    """The casino has no such event that is open and not over."""


class ListsWithoutUserOff(RecommendationError):
    """The casino's option forbids lists of bets for which nobody knows who is shown them."""


class FeedNotFound(RecommendationError):
    """The casino has no such producer of prices."""


class IdNotOfType(RecommendationError):
    """An id of the casino has not the type that its recommendation schema declares."""


class ExportTooLarge(RecommendationError):
    """A user's data is too large for one response."""


class NoOpenEvents(RecommendationError):
    """The casino has no events that can be bet on now."""


class NothingServed(RecommendationError):
    """The casino has no stored recommendations that could be seen or clicked."""


class InvalidParameter(RecommendationError):
    """An invalid parameter of a request."""


class UnknownTalliesFormat(RecommendationError):
    """A user's stored tallies have the format of another release."""


class UnreadableModel(RecommendationError):
    """A stored model that is damaged, of another release, or not written by this service."""


class InvalidHistory(RecommendationError):
    """An invalid history file; the message names the line and column."""


class FeedInUse(RecommendationError):
    """A partition can't be forgotten: nothing shows that the producer's messages come by another one."""

    def __init__(self, producer: str, partition: int) -> None:
        super().__init__(
            f"Partition {partition} of the producer {producer} is not known, or no other partition was heard after it: "
            "send heartbeats to the others first"
        )
