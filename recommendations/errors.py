"""The errors of this app."""


class RecommendationError(Exception):
    """Base of this app's errors."""


class InvalidRow(RecommendationError):
    """An invalid row can't be stored. `code` is stable, `field` is the invalid field, `problem` describes it."""

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
    """The casino's option `lists_without_user` forbids recommendations without a user."""


class FeedNotFound(RecommendationError):
    """The casino has no such producer of prices."""


class IdNotOfType(RecommendationError):
    """An id does not have the type that the casino's recommendation schema declares."""


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
    """A producer's partition can't be forgotten: no other partition received a message after it."""

    def __init__(self, producer: str, partition: int) -> None:
        super().__init__(
            f"Partition {partition} of the producer {producer} can't be forgotten: it is unknown, or no other "
            "partition received a message after it. Send heartbeats to the other partitions first"
        )
