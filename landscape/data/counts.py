"""Settings against the size of the data set they name, before it is read."""

from landscape.config import SparseRun, TrainConfig
from landscape.data import images as tfds_images
from landscape.data import streaming
from landscape.data.raw import read
from landscape.errors import InputError
from landscape.registries import methods
from landscape.registries.data_names import is_arrays


def check(config: TrainConfig) -> int:
    """Refuses settings that their data set cannot meet.

    Of sets that are known it reads no example; a function of the user's own is called,
    and its arrays, or those of files, are checked.

    Returns:
      The number of examples that are trained on.

    Raises:
      InputError: the data set is unknown or not prepared; the training split has fewer
        examples than are asked for or than a batch; the settings need images.

    >>> check(TrainConfig(dataset="digits", num_validation=97))
    1200
    """
    check_kind(config)
    row = methods.data_row(config.dataset)
    if config.image_size is not None:
        size = streaming.open_sources(config.dataset, config.data_dir)["train"].size
    elif row.images is None:
        size = len(read(config).train[1])
    elif row.num_train is None:
        builder = tfds_images.open_prepared(config.dataset, config.data_dir)
        size = builder.info.splits["train"].num_examples
    else:
        named = isinstance(row.num_train, str)
        size = getattr(config, row.num_train) if named else row.num_train
    size = check_split(config.dataset, size, config.num_validation, config.num_train)
    check_batch_size(config, size)
    scored = config.score_examples if isinstance(config, SparseRun) else None
    if scored is not None and scored > size:
        raise InputError(
            f"--score-examples {scored} is more than the {size} training examples of"
            f" {config.dataset}."
        )
    return size


def check_kind(config: TrainConfig) -> None:
    """Raises InputError if settings need images or a range that the inputs lack."""
    name, row = config.dataset, methods.data_row(config.dataset)
    images, scalable = row.images, row.images
    if config.image_size is not None:
        if row is not methods.TFDS and not is_arrays(name):
            raise InputError(
                f"--image-size reads image files in time, and {name} are no files."
            )
        images = scalable = True
    elif images is None:
        raw = read(config)
        images, scalable = raw.train[0].ndim == 4, raw.highest is not None
    if config.augment and not images:
        raise InputError(f"--augment needs images, and {name} are vectors.")
    if config.inputs == "scale" and not scalable:
        raise InputError(
            f"--inputs scale needs images with a highest value, as uint8 has 255:"
            f" {name} have no fixed range."
        )
    if methods.model_row(config.model).images and not images:
        raise InputError(
            f"{config.model} needs images of shape (height, width, channels), and"
            f" {name} are vectors."
        )


def check_split(
    name: str, size: int, num_validation: int, num_train: int | None
) -> int:
    """The number of examples trained on, out of `size`.

    Raises:
      InputError: there are fewer than are asked for.
    """
    left = size - num_validation
    if left < 1:
        raise InputError(
            f"--num-validation {num_validation} leaves nothing to train on of the"
            f" {size} training examples of {name}."
        )
    if num_train is not None and num_train > left:
        held = f" left by --num-validation {num_validation}" if num_validation else ""
        raise InputError(
            f"--num-train {num_train} is more than the {left} training examples of"
            f" {name}{held}."
        )
    return left if num_train is None else num_train


def check_batch_size(config: TrainConfig, size: int) -> None:
    """Raises InputError if a batch has more than the `size` examples."""
    if config.batch_size > size:
        raise InputError(
            f"--batch-size {config.batch_size} is more than the {size} training"
            f" examples of {config.dataset}."
        )
