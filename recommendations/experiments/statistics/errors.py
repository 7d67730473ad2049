"""What the statistics refuse to say."""

from recommendations.errors import RecommendationError


class ExperimentStatisticsError(RecommendationError):
    """Base of what the statistics of experiments refuse."""


class TooLittleHistory(ExperimentStatisticsError):
    """Too little is known before the start to plan an experiment."""


class TooFewAnswers(ExperimentStatisticsError):
    """Too few logged answers agree with a policy to estimate it."""
