"""Random changes of training images, on the device, inside the compiled step."""

from functools import partial

import jax
import jax.numpy as jnp

from landscape import rng


def crop_and_flip(key: jax.Array, images: jax.Array, padding: int = 4) -> jax.Array:
    """Shifts each image by up to `padding` pixels and mirrors half of them.

    What CIFAR networks are trained with (He et al. 2016, section 4.2): pad with zeros,
    crop at random to the old size, flip horizontally with probability 1/2. Zero is the
    mean colour of standardised inputs and black of scaled ones. One draw serves the
    whole batch, so the result does not depend on how the batch is spread over devices.

    Args:
      key: decides everything random.
      images: [B, H, W, C].
      padding: zeros added on each side.

    Returns:
      [B, H, W, C] of the images' dtype.

    >>> images = jnp.ones((2, 8, 8, 3))
    >>> changed = crop_and_flip(jax.random.key(0), images)
    >>> changed.shape, bool((changed == images).all())
    ((2, 8, 8, 3), False)
    """
    count, height, width, _ = images.shape
    key_shift, key_flip = rng.split(key)
    shift = rng.integers(key_shift, (count, 2, 1), 0, 2 * padding + 1)
    flip = rng.coins(key_flip, (count, 1))
    rows = jnp.arange(height) + shift[:, 0]
    columns = jnp.arange(width) + shift[:, 1]
    columns = jnp.where(flip, columns[:, ::-1], columns)
    margin = (padding, padding)
    padded = jnp.pad(images, ((0, 0), margin, margin, (0, 0)))
    # One gather over rows and columns at once would be a little faster on one device,
    # but a batch spread over several would then be summed over all of them.
    take = partial(jnp.take_along_axis, mode="promise_in_bounds")
    return take(take(padded, rows[:, :, None, None], 1), columns[:, None, :, None], 2)
