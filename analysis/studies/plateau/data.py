"""A data set whose classes are merged into fewer."""

from landscape.config import TrainConfig
from landscape.data import raw


def merged(dataset: str, classes: int, data_dir: str | None = None) -> raw.Raw:
    """The examples of a data set with neighbouring classes as one.

    Of c classes, class i becomes floor(i classes / c).

    Args:
      dataset: its name, as of --dataset.
      classes: that are left, at least 2.
      data_dir: where it is.

    >>> found = merged("digits", classes=2)
    >>> found.num_classes, sorted(set(found.train[1].tolist()))
    (2, [0, 1])
    """
    found = raw.read(TrainConfig(dataset=dataset, data_dir=data_dir))
    train, test = (
        (inputs, labels * classes // found.num_classes)
        for inputs, labels in (found.train, found.test)
    )
    return raw.Raw(train, test, classes, found.highest)
