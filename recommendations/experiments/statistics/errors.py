"""The errors of the statistics."""

from recommendations.errors import RecommendationError


class ExperimentStatisticsError(RecommendationError):
    """Base of the errors of experiments' statistics."""


class TooLittleHistory(ExperimentStatisticsError):
    """The history before the start is too short to plan an experiment."""


class TooFewAnswers(ExperimentStatisticsError):
    """Too few logged answers agree with a policy to estimate it."""
