"""Whether networks that were trained apart read the same test examples alike."""

import itertools

import numpy as np
from numpy.typing import ArrayLike


def classes(logits: ArrayLike) -> np.ndarray:
    """The class with the largest logit, of equal ones the first: [..., C] -> [...].

    >>> classes([[0.0, 2.0], [1.0, 1.0]]).tolist()
    [1, 0]
    """
    return np.argmax(np.asarray(logits), axis=-1)


def disagreement(a: ArrayLike, b: ArrayLike) -> float:
    """Fraction of the examples on which two predictions differ.

    >>> disagreement([0, 1, 2, 2], [0, 1, 1, 2])
    0.25
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.ndim != 1 or not a.size:
        raise ValueError(f"predictions of shapes {a.shape} and {b.shape}")
    return float(np.mean(a != b))


def pairwise(predictions: ArrayLike) -> list[float]:
    """`disagreement` of every pair of rows, [S, N] -> S (S - 1) / 2 numbers.

    >>> pairwise([[0, 1], [0, 1], [0, 2]])
    [0.0, 0.5, 0.5]
    """
    pairs = itertools.combinations(np.asarray(predictions), 2)
    return [disagreement(a, b) for a, b in pairs]


def ensemble(logits: ArrayLike) -> np.ndarray:
    """Classes by the mean, over networks, of the softmax: [S, N, C] -> [N].

    >>> ensemble([[[9.0, 0.0]], [[0.0, 2.0]], [[0.0, 2.0]]]).tolist()
    [1]
    """
    logits = np.asarray(logits, np.float64)
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return classes(np.mean(odds / odds.sum(axis=-1, keepdims=True), axis=0))


def accuracy(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Fraction of the examples that are predicted right.

    >>> accuracy([0, 1, 1, 3], [0, 1, 2, 3])
    0.75
    """
    return 1 - disagreement(predictions, labels)
