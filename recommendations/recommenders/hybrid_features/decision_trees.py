"""A sum of decision trees as arrays, evaluated by numpy for many events at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np

from recommendations.offer.arrays import Floats, Floats32, Places
from recommendations.recommenders.base import MAX_NUMBER, require

MAX_DEPTH, MAX_TREES = 16, 1_000  # above the fitted ones; scoring takes time proportional to both


class StoredTrees(msgspec.Struct, array_like=True):
    depth: int
    roots: list[int]
    features: list[int]
    thresholds: bytes
    children: list[int]
    values: bytes


@dataclass(frozen=True, eq=False)
class Trees:
    """The nodes of all trees, one tree after the other. From node i an event moves to `children[2i]` if its feature
    `features[i]` is at most `thresholds[i]`, else to `children[2i + 1]`; leaves are their own children. All leaves are
    reached within `depth` steps.
    """

    depth: int
    roots: Places
    features: Places
    thresholds: Floats32
    children: Places
    values: Floats32

    def score(self, numbers: np.ndarray[Any, Any]) -> Floats:
        """The sums of the events' leaves, shape (n,). `numbers` has the shape (n, features)."""
        events, width = numbers.shape
        flat = np.ascontiguousarray(numbers, dtype=np.float32).ravel()
        offsets = np.arange(0, flat.size, width, dtype=np.intp)[:, np.newaxis]
        features, thresholds, following, values = self._links
        links = np.arange(self.children.size, following.size)
        for _ in range(self.depth):
            # all indices are within bounds, and "clip" is faster than the check
            at = features.take(links, mode="clip") + offsets
            goes_right = flat.take(at, mode="clip") > thresholds.take(links, mode="clip")
            links = following.take(links, mode="clip") + goes_right
        reached = np.broadcast_to(values.take(links, mode="clip"), (events, self.roots.size))
        sums: Floats = reached.sum(axis=1, dtype=np.float64)
        return sums

    @cached_property
    def _links(self) -> tuple[Places, Floats32, Places, Floats32]:
        """For each entry of `children`, then for each root: its node's feature and threshold, the place of the node's
        own entries, and its value. This saves one array look-up in each step."""
        nodes = np.concatenate([self.children, self.roots])
        return self.features[nodes], self.thresholds[nodes], 2 * nodes, self.values[nodes]

    def encode(self) -> bytes:
        stored = StoredTrees(
            self.depth,
            self.roots.tolist(),
            self.features.tolist(),
            self.thresholds.tobytes(),
            self.children.tolist(),
            self.values.tobytes(),
        )
        return msgspec.msgpack.encode(stored)

    @classmethod
    def decode(cls, encoded: bytes, feature_count: int) -> "Trees":
        """Decode trees over this number of features. Raises UnreadableModel."""
        stored = msgspec.msgpack.decode(encoded, type=StoredTrees)
        trees = cls.of(
            depth=stored.depth,
            roots=stored.roots,
            features=stored.features,
            thresholds=np.frombuffer(stored.thresholds, dtype=np.float32),
            children=stored.children,
            values=np.frombuffer(stored.values, dtype=np.float32),
        )
        trees._require_valid(feature_count)
        return trees

    def _require_valid(self, feature_count: int) -> None:
        nodes = self.features.size
        sizes = (self.thresholds.size, self.values.size, self.children.size)
        require(sizes == (nodes, nodes, 2 * nodes), f"trees of {nodes} nodes have arrays of {sizes} numbers")
        require(0 <= self.depth <= MAX_DEPTH, f"trees have a depth of {self.depth}")
        require(self.roots.size <= MAX_TREES, f"there are {self.roots.size} trees")
        require(_all_below(self.roots, nodes) and _all_below(self.children, nodes), "trees have nodes out of range")
        require(_all_below(self.features, feature_count), "trees have features out of range")
        require(not np.isnan(self.thresholds).any(), "thresholds of trees are not numbers")
        require(np.all(np.abs(self.values) <= MAX_NUMBER), "values of trees are out of range")

    @classmethod
    def of(
        cls,
        *,
        depth: int,
        roots: Sequence[int],
        features: Sequence[int],
        thresholds: Any,
        children: Sequence[int],
        values: Any,
    ) -> "Trees":
        return cls(
            depth,
            np.array(roots, dtype=np.intp),
            np.array(features, dtype=np.intp),
            np.asarray(thresholds, dtype=np.float32),
            np.array(children, dtype=np.intp),
            np.asarray(values, dtype=np.float32),
        )


def _all_below(numbers: Places, end: int) -> bool:
    return not numbers.size or bool(numbers.min() >= 0 and numbers.max() < end)
