"""Data made on the spot: Gaussian blobs."""

import numpy as np

from landscape.data.raw import Raw
from landscape.errors import InputError


def blobs(dim: int, classes: int, samples: int, variance: float, seed: int) -> Raw:
    """`classes` Gaussian clusters in R^dim (Sagun et al. 2017, section 3).

        centre_k ~ N(0, I),    x | k ~ N(centre_k, variance * I)

    `samples` training examples and a fifth as many test examples come from the same
    clusters; the labels cycle, so that class sizes differ by one example at most.
    Centres, train and test have streams of their own: the same seed gives the same
    centres for any number of samples, and the same noise, scaled, for any variance.

    Args:
      dim: dimension of the inputs.
      classes: number of clusters.
      samples: number of training examples, at least 5.
      variance: multiplier of the identity in each cluster's covariance.
      seed: of everything random here.

    Returns:
      inputs [N, dim] float64 and labels [N] int32.

    Raises:
      InputError: too few samples to leave a test split.

    >>> raw = blobs(dim=100, classes=3, samples=10, variance=1.0, seed=0)
    >>> raw.train[0].shape, raw.test[0].shape, raw.train[1].tolist()
    ((10, 100), (2, 100), [0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
    """
    if samples < 5:
        raise InputError(
            "--blob-samples must be at least 5, so that a fifth of it leaves a test"
            f" split, not {samples}."
        )
    streams = np.random.default_rng(seed).spawn(3)
    centres = streams[0].normal(size=(classes, dim))

    def draw(stream: np.random.Generator, count: int):
        labels = np.arange(count, dtype=np.int32) % classes
        noise = stream.normal(size=(count, dim))
        return centres[labels] + np.sqrt(variance) * noise, labels

    return Raw(draw(streams[1], samples), draw(streams[2], samples // 5), classes, None)
