"""The data set that comes with the installation: scikit-learn's handwritten digits."""

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
    from sklearn.datasets import load_digits  # a second, paid only by who needs it

    images, labels = load_digits(return_X_y=True)
    images = images.astype(np.uint8).reshape(-1, 8, 8, 1)
    labels = labels.astype(np.int32)
    # RandomState, not Generator: NumPy froze its stream for good.
    at = np.random.RandomState(0).permutation(len(images))
    train, test = at[NUM_TEST:], at[:NUM_TEST]
    return Raw(
        (images[train], labels[train]), (images[test], labels[test]), 10, highest=16
    )
