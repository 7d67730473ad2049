"""A user's vector in the models that are stored: told of, and taken out."""

from collections.abc import Iterator

from recommendations.fitted_models.store import decoded, lock_models, next_version, served_version
from recommendations.models import FittedModel


def vectors_of(user_id: int) -> dict[int, list[float]]:
    """Version -> the vector that was fitted to the user's bets."""
    found = ((row.version, decoded(row)) for row in _tastes())
    known = ((version, user_vectors.of(user_id)) for version, user_vectors in found if user_vectors is not None)
    return {version: vector.tolist() for version, vector in known if vector is not None}


def erase_tastes(user_id: int) -> int:
    """Take the user out of all user vectors, and answer out of how many. To be called in a transaction.

    Processes remember models by the version that serves, so that one gets a new number.
    """
    lock_models()
    changed = []
    for row in _tastes():
        user_vectors = decoded(row)
        if user_vectors is not None and user_vectors.of(user_id) is not None:
            row.fitted = user_vectors.only(user_vectors.user_ids != user_id).encode()
            row.save(update_fields=["fitted"])
            changed.append(row.version)
    if (served := served_version()) in changed:
        FittedModel.objects.filter(version=served).update(version=next_version())
    return len(changed)


def _tastes() -> Iterator[FittedModel]:
    return FittedModel.objects.filter(recommender="tastes").order_by("version").iterator()
