"""Convolution and max-pooling in the forms that are fast on the backend at hand.

XLA on a CPU runs the gradients of a convolution 12 to 111 times slower inside a
compiled loop (scan, fori_loop) than outside, and `nn.max_pool`'s gradient several times
slower than need be. Both are written here with slices, products and `where` alone:
fast in and out of loops, in every mode of differentiation (a custom gradient would
forbid the forward mode that Gauss-Newton products need).
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from landscape.errors import InputError, check_choice
from landscape.machine.backend import not_inlined, on_cpu
from landscape.models import kernel_gradient

Padding = str | Sequence[tuple[int, int]]

# Output columns in a band. A wide band makes a wide matrix product, yet does
# (width + k - 1) / k times the multiplications: 8 was fastest for LeNets on 28x28 and
# 32x32 images (4 to 12 are within a fifth of it).
BAND = 8


def _extents(shape, kernel_size, strides, padding):
    """The explicit padding, and the output's height and width."""
    pads = padding
    if isinstance(padding, str):
        pads = lax.padtype_to_pads(shape, kernel_size, strides, padding)
    extents = tuple(
        (size + low + high - k) // stride + 1
        for size, (low, high), k, stride in zip(
            shape, pads, kernel_size, strides, strict=True
        )
    )
    if min(extents) < 1:
        raise InputError(
            f"a kernel of {kernel_size[0]}x{kernel_size[1]} does not fit into an image"
            f" of {shape[0]}x{shape[1]}."
        )
    return tuple(map(tuple, pads)), extents


def plain_convolution(x, kernel, strides, padding):
    """The convolution as XLA has it: x NHWC, kernel HWIO, result NHWC.

    On a CPU with the kernel's gradient of `landscape.models.kernel_gradient`.
    """
    pads, _ = _extents(x.shape[1:3], kernel.shape[:2], strides, padding)
    if on_cpu():
        return kernel_gradient.convolution(x, kernel, tuple(strides), pads)
    return lax.conv_general_dilated(
        x, kernel, strides, pads, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def matmul_convolution(x, kernel, strides, padding):
    """The same convolution as shifted slices and one matrix product.

    The output columns are cut into bands of `t` (at most `BAND`). A band's output, its
    columns and channels in one vector, is a linear function of the kh rows of input
    beneath it, whose matrix is banded: B[i, s, c, j, o] = kernel[i, s - j * stride, c,
    o], zero where that is outside the kernel. So the kh shifted rows of every band are
    laid side by side and multiplied by B. Slices of rows are long and contiguous, and
    the product is `t` times as wide as with one slice for each entry of the kernel; on
    a CPU that gains more than the zeros of B cost. Non-finite inputs spoil their band.

    >>> x, kernel = jnp.ones((1, 9, 9, 2)), jnp.ones((3, 3, 2, 4))
    >>> y = matmul_convolution(x, kernel, (2, 2), "SAME")
    >>> y.shape, float(y[0, 1, 1, 0])
    ((1, 5, 5, 4), 18.0)
    """
    kh, kw, _, features = kernel.shape
    sh, sw = strides
    pads, (h, w) = _extents(x.shape[1:3], (kh, kw), strides, padding)
    bands = -(-w // BAND)
    t = -(-w // bands)
    span = (t - 1) * sw + kw
    # The last band may reach beyond the image: its extra columns are dropped below.
    short = (bands - 1) * t * sw + span - (x.shape[2] + sum(pads[1]))
    right = pads[1][1] + max(short, 0)
    x = jnp.pad(x, ((0, 0), pads[0], (pads[1][0], right), (0, 0)))

    # Not inlined: each pixel is read several times, and images may be gathered.
    columns = not_inlined(
        _columns, x, rows=(kh, sh, h), starts=tuple(range(0, bands * t * sw, t * sw)),
        span=span,
    )  # fmt: skip
    shifted = (
        jnp.pad(kernel, ((0, 0), (j * sw, (t - 1 - j) * sw), (0, 0), (0, 0)))
        for j in range(t)
    )
    matrix = jnp.stack(list(shifted), axis=3).reshape(-1, t * features)
    return (columns @ matrix).reshape(-1, h, bands * t, features)[:, :, :w]


def _columns(x, *, rows, starts, span):
    """What the kernel's matrix multiplies: a row for each band of each output row."""
    kh, stride, h = rows

    def beneath(start):
        slices = (
            x[:, i : i + (h - 1) * stride + 1 : stride, start : start + span]
            for i in range(kh)
        )
        return jnp.concatenate([s.reshape(*s.shape[:2], -1) for s in slices], axis=-1)

    columns = jnp.stack([beneath(start) for start in starts], axis=2)
    # A matrix: XLA transposes what the product's gradient contracts over several axes,
    # into an order of the factors that its CPU backend multiplies slowly.
    return columns.reshape(-1, columns.shape[-1])


FORMS = {"plain": plain_convolution, "matmul": matmul_convolution}


class Conv(nn.Module):
    """A two-dimensional convolution, y = x * kernel + bias, NHWC.

    Params: `kernel` [kh, kw, C_in, features] and, with `use_bias`, `bias` [features],
    the same for every form, so checkpoints do not depend on it. float32 params; the
    result has the promoted dtype of input and params.

    Attributes:
      features: output channels.
      kernel_size: (kh, kw).
      strides: (vertical, horizontal).
      padding: "SAME", "VALID" or ((top, bottom), (left, right)).
      form: "plain", "matmul", or "auto", which is chosen when the call is traced:
        matmul where JAX's default backend is a CPU, plain elsewhere. matmul holds
        about kh * (BAND + kw - 1) / BAND copies of the input: for small networks.

    Raises:
      InputError: the form is unknown or the kernel is larger than the padded image.

    >>> x = jnp.ones((2, 28, 28, 1))
    >>> y, variables = Conv(6, (5, 5)).init_with_output(jax.random.key(0), x)
    >>> y.shape, variables["params"]["kernel"].shape
    ((2, 24, 24, 6), (5, 5, 1, 6))
    """

    features: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: Padding = "VALID"
    use_bias: bool = True
    kernel_init: Callable[..., Any] = nn.initializers.he_normal()
    form: str = "auto"

    @nn.compact
    def __call__(self, x):
        form = check_choice("form", self.form, ("auto", *FORMS))
        if form == "auto":
            form = "matmul" if on_cpu() else "plain"
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = None
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,))
        x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias)
        y = FORMS[form](x, kernel, self.strides, self.padding)
        return y if bias is None else y + bias


def max_pool_2x2(x: jax.Array) -> jax.Array:
    """The maximum over windows of 2x2, stride 2; an odd last row or column is dropped.

    [B, H, W, C] -> [B, H // 2, W // 2, C]. Where entries tie, the first in row-major
    order takes the whole gradient, as in `nn.max_pool`; `jnp.max` would split it, which
    is the gradient of no smooth piece of the loss, while Hessians here are those of
    one piece. NaN wins over numbers.

    Raises:
      InputError: there is no window of 2x2.

    >>> float(max_pool_2x2(jnp.arange(4.0).reshape(1, 2, 2, 1))[0, 0, 0, 0])
    3.0
    """
    if min(x.shape[1:3]) < 2:
        raise InputError(
            f"max-pooling over 2x2 needs images of at least 2x2, not"
            f" {x.shape[1]}x{x.shape[2]}: they are too small for this number of layers."
        )
    # Inlined, the gradient at the maxima would be computed for each of four corners.
    return not_inlined(_pooled, x)


def _pooled(x):
    batch, height, width, channels = x.shape
    end = batch, height // 2 * 2, width // 2 * 2, channels
    # Indexing would gather where the number of examples is a symbol, as in an export.
    a, b, c, d = (
        lax.slice(x, (0, i, j, 0), end, (1, 2, 2, 1)) for i in (0, 1) for j in (0, 1)
    )

    def larger(p, q):
        # NaN alone differs from itself.
        return lax.select((p >= q) | (p != p), p, q)

    return larger(larger(a, b), larger(c, d))
