"""Crop and flip beside a slow twin."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape.recipes.augment import crop_and_flip


def variants(image, padding):
    """All that can become of an image: each shift, flipped or not."""
    height, width, _ = image.shape
    for down in range(2 * padding + 1):
        for right in range(2 * padding + 1):
            out = np.zeros_like(image)
            for y in range(height):
                for x in range(width):
                    source_y, source_x = y + down - padding, x + right - padding
                    if 0 <= source_y < height and 0 <= source_x < width:
                        out[y, x] = image[source_y, source_x]
            yield (down, right, False), out
            yield (down, right, True), out[:, ::-1]


@pytest.fixture
def images():
    # No pixel twice, and none zero: every variant is another image.
    return jnp.arange(1.0, 1 + 40 * 5 * 6 * 3).reshape(40, 5, 6, 3)


def test_each_image_is_a_shifted_and_perhaps_mirrored_one(images):
    changed = np.asarray(crop_and_flip(jax.random.key(0), images, padding=2))
    seen = []
    for image, out in zip(np.asarray(images), changed, strict=True):
        found = [k for k, v in variants(image, 2) if np.array_equal(v, out)]
        assert len(found) == 1
        seen += found
    down, right, flip = zip(*seen, strict=True)
    assert set(down) == set(right) == {0, 1, 2, 3, 4}
    assert 5 < sum(flip) < 35
    assert len(set(seen)) > 20  # drawn for each image, and each axis, on its own


def test_the_key_decides(images):
    changed = crop_and_flip(jax.random.key(0), images)
    chex.assert_trees_all_equal(changed, crop_and_flip(jax.random.key(0), images))
    assert not np.array_equal(changed, crop_and_flip(jax.random.key(1), images))


def test_jit_and_the_type_of_the_images_change_nothing(images):
    key = jax.random.key(2)
    changed = crop_and_flip(key, images)
    chex.assert_trees_all_equal(changed, jax.jit(crop_and_flip)(key, images))
    chex.assert_shape(changed, images.shape)
    half = crop_and_flip(key, images.astype(jnp.bfloat16))
    assert half.dtype == jnp.bfloat16
    chex.assert_trees_all_equal(half, changed.astype(jnp.bfloat16))


def test_no_padding_only_mirrors(images):
    changed = crop_and_flip(jax.random.key(0), images, padding=0)
    for image, out in zip(images, changed, strict=True):
        assert np.array_equal(out, image) or np.array_equal(out, image[:, ::-1])
