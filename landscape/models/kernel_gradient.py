"""A convolution whose gradient with respect to the kernel is fast on a CPU.

XLA computes that gradient as a convolution that contracts images and pixels, of both
factors transposed to have the images last. On a CPU it merges what the factors are made
of (batch norm, relu, shortcuts) into the loop that transposes: several arrays are then
read with a large stride instead of one, which takes half of the time of ResNet-20's
gradient. Here it is a function that XLA calls and does not inline, so that both factors
are complete before they are transposed; in it the convolution has the order of axes
(NHWC, HWIO) that XLA's CPU backend has fast code for, and looks for outside functions
and loops alone.

A convolution is linear in either factor, and so is its gradient: two primitives that
are each other's transposes, so that every mode of differentiation works, as often as
it is asked for. (A function of `jax.custom_vjp` has no forward mode, which Hessian and
Gauss-Newton products need.) Without differentiation it is XLA's own convolution.
"""

from functools import partial

import jax
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from landscape.machine.backend import not_inlined

DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def _plain(x, kernel, *, strides, pads):
    return lax.conv_general_dilated(
        x, kernel, strides, pads, dimension_numbers=DIMENSIONS
    )


@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def convolution(
    x: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, int],
    pads: tuple[tuple[int, int], tuple[int, int]],
) -> jax.Array:
    """The convolution of x, NHWC, with a kernel, HWIO; the result is NHWC.

    >>> x, kernel = jax.numpy.ones((1, 4, 4, 1)), jax.numpy.ones((3, 3, 1, 2))
    >>> y = convolution(x, kernel, (1, 1), ((1, 1), (1, 1)))
    >>> y.shape, float(y[0, 0, 0, 0])
    ((1, 4, 4, 2), 4.0)
    """
    return _plain(x, kernel, strides=strides, pads=pads)


@partial(convolution.defjvp, symbolic_zeros=True)
def _jvp(strides, pads, primals, tangents):
    how = {"strides": strides, "pads": pads}
    (x, kernel), (dx, dkernel) = primals, tangents
    y = convolution(x, kernel, strides, pads)
    # A tangent that is known to be zero costs nothing, as that of the images.
    terms = []
    if not isinstance(dx, SymbolicZero):
        terms.append(_plain(dx, kernel, **how))
    if not isinstance(dkernel, SymbolicZero):
        terms.append(_forward.bind(x, dkernel, **how))
    return y, sum(terms[1:], terms[0]) if terms else y * 0


def _plain_gradient(x, dy, *, size, strides, pads):
    """XLA's own: sum of dy over images and pixels, times the x that it depends on."""
    kernel = jax.ShapeDtypeStruct((*size, x.shape[-1], dy.shape[-1]), x.dtype)
    forward = partial(_plain, x, strides=strides, pads=pads)
    return jax.linear_transpose(forward, kernel)(dy)[0]


def _input_gradient(dy, kernel, x, **how):
    return jax.linear_transpose(lambda x: _plain(x, kernel, **how), x)(dy)[0]


def _kernel_gradient(x, dy, *, size, strides, pads):
    """The same with the images as the channels that are contracted."""
    extents = zip(size, dy.shape[1:3], strides, x.shape[1:3], pads, strict=True)
    # dy, its entries `stride` apart, slides over x: to k places, so the padding behind
    # may be negative.
    windows = [
        (low, k + (n - 1) * stride - pixels - low)
        for k, n, stride, pixels, (low, _) in extents
    ]
    images_last = x.transpose(3, 1, 2, 0), dy.transpose(1, 2, 0, 3)
    dkernel = lax.conv_general_dilated(
        *images_last,
        (1, 1),
        windows,
        rhs_dilation=strides,
        dimension_numbers=DIMENSIONS,
    )
    return dkernel.transpose(1, 2, 0, 3)


def _called_gradient(x, dy, **how):
    return not_inlined(_kernel_gradient, x, dy, **how)


def _primitive(name, plain, lowered):
    """`plain` as an operation of JAX that is compiled as `lowered`."""
    primitive = Primitive(name)
    statics = ("strides", "pads", "size")
    primitive.def_impl(jax.jit(primitive.bind, static_argnames=statics))

    def abstract(*factors, **how):
        y = jax.eval_shape(partial(plain, **how), *factors)
        return jax.core.ShapedArray(y.shape, y.dtype)

    def batched(factors, axes, **how):
        return jax.vmap(partial(plain, **how), axes)(*factors), 0

    primitive.def_abstract_eval(abstract)
    batching.primitive_batchers[primitive] = batched
    mlir.register_lowering(primitive, mlir.lower_fun(lowered, multiple_results=False))
    return primitive


_forward = _primitive("convolution_by_kernel", _plain, _plain)
_gradient = _primitive("kernel_gradient", _plain_gradient, _called_gradient)

ad.defbilinear(
    _forward,
    lambda ct, x, kernel, **how: _input_gradient(ct, kernel, x.aval, **how),
    lambda ct, x, kernel, **how: _gradient.bind(
        x, ct, size=kernel.aval.shape[:2], **how
    ),
)
ad.defbilinear(
    _gradient,
    lambda ct, x, dy, size, **how: _input_gradient(dy, ct, x.aval, **how),
    lambda ct, x, dy, size, **how: _forward.bind(x, ct, **how),
)
