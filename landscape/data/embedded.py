"""The data set that comes with the installation: scikit-learn's handwritten digits."""

import importlib.util
from pathlib import Path

import numpy as np

from landscape.data.raw import Raw

NUM_TEST = 500


def digits() -> Raw:
    """1,797 images of digits, 8x8x1, pixels 0 to 16: 1,297 train and 500 test.

    The file (the test part of UCI's optical digits) is ordered by writer: a split by
    position would test on other writers than it trains on, and the classes would be
    uneven. The split is therefore a permutation; it is a constant, because a
    test split that followed a seed would leak into the runs it is compared with.

    >>> raw = digits()
    >>> raw.train[0].shape, raw.test[0].shape, raw.num_classes
    ((1297, 8, 8, 1), (500, 8, 8, 1), 10)
    """
    images, labels = np.split(_table(), [-1], axis=1)
    images = images.astype(np.uint8).reshape(-1, 8, 8, 1)
    labels = labels[:, 0].astype(np.int32)
    # RandomState, not Generator: NumPy froze its stream for good.
    at = np.random.RandomState(0).permutation(len(images))
    train, test = at[NUM_TEST:], at[:NUM_TEST]
    return Raw(
        (images[train], labels[train]), (images[test], labels[test]), 10, highest=16
    )


def _table() -> np.ndarray:
    """Pixels and, in the last column, the label of each image, as in the file."""
    spec = importlib.util.find_spec("sklearn")
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / "datasets/data/digits.csv.gz"
        if path.exists():
            # Without the package, which takes a second to load.
            return np.loadtxt(path, delimiter=",")
    from sklearn.datasets import load_digits

    return np.column_stack(load_digits(return_X_y=True))
