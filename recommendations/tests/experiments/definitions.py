"""Definitions of experiments for tests."""

from typing import Any


def variant(name: str, share: float = 0.5, **more: Any) -> dict[str, Any]:
    return {"name": name, "share": share, **more}


def ab(name: str = "trees", **changes: Any) -> dict[str, Any]:
    """Half of the users get `static`, the others `soonest`; only the shown slips are computed."""
    variants = [variant("control", recommender_type="static"), variant("soon", recommender_type="soonest")]
    return {"name": name, "kind": "ab", "variants": variants, "metric": "bet_days", **changes}


def interleaving(name: str = "mixed", **changes: Any) -> dict[str, Any]:
    """Each user gets a slip of events of both recommenders."""
    variants = [variant("one", recommender_type="static"), variant("other", recommender_type="soonest")]
    return {"name": name, "kind": "interleave", "variants": variants, **changes}


def holdout(name: str = "nothing", share: float = 0.5, **changes: Any) -> dict[str, Any]:
    """A holdout: `share` of the users get no recommendations."""
    variants = [variant("withheld", share), variant("shown", 1 - share)]
    return {"name": name, "kind": "holdout", "variants": variants, **changes}
