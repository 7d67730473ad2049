"""The baselines, each with the settings to choose from."""

from functools import partial

from .compare import Peers
from .item_to_item import Bm25, Ease, SequenceSettings, SequentialRules
from .lambdarank import LambdaRank
from .matrix_factorization import Als, LightFm

PEERS: Peers = {
    "als": {
        f"{factors} factors, regularization {weight}": partial(Als, factors=factors, regularization=weight)
        for factors in (8, 32, 64)
        for weight in (0.01, 1.0, 10.0)
    },
    "bm25": {f"B {b}": partial(Bm25, neighbours=1_000, b=b) for b in (0.0, 0.25, 0.75)},
    "ease": {f"lambda {each}": partial(Ease, regularization=each) for each in (1.0, 10.0, 100.0, 1_000.0)},
    "sequential_rules": {
        f"{steps} steps, last {last}": partial(SequentialRules, settings=SequenceSettings(steps, last))
        for steps in (1, 3, 10)
        for last in (1, 3, 10)
    },
    "lightfm": {f"{factors} factors": partial(LightFm, factors=factors) for factors in (32, 8)},
    "lambdarank": {f"{leaves} leaves": partial(LambdaRank, leaves=leaves) for leaves in (7, 31)},
}
LIBRARIES = {"als": "implicit", "bm25": "implicit", "lightfm": "lightfm"}  # peer -> its package
