"""What the backend at hand is good at: the one place that asks.

XLA on a CPU runs the gradients of convolutions 12 to 111 times slower inside a compiled
loop (scan, fori_loop, lax.map) than outside. GPUs and TPUs know no such difference, but
they round the factors of float32 products by default: to 10 bits after the point on
GPUs (TF32), to 7 on TPUs (bfloat16).
"""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.experimental.xla_metadata import set_xla_metadata
from jax.tree_util import Partial

from landscape.callables import as_partial


def on_cpu() -> bool:
    """Whether computations run on a CPU by default."""
    return jax.default_backend() == "cpu"


def settled(x: Any) -> Any:
    """`x`, once it is computed where a CPU has several devices; elsewhere at once.

    For what a loop computes over all devices. Of the programs for a device XLA starts
    32 at most; the start of one more keeps a thread while it waits, of the few threads
    that the others need to end: with more programs in flight all wait forever.

    >>> settled(jax.numpy.ones(2)).tolist()
    [1.0, 1.0]
    """
    if not on_cpu() or jax.device_count() == 1:
        return x
    return jax.block_until_ready(x)


def in_full_precision(function: Callable) -> Partial:
    """`function` with the matrix products and convolutions in it in their own dtype.

    Its derivatives too, except the backward rule of a `jax.custom_vjp`, which is
    traced when they are taken: wrap what takes them. A Hessian in TF32 is off by about
    1e-3 of its largest eigenvalue, ten thousand times the rounding of float32. Whoever
    sets `jax_default_matmul_precision` gets that precision; a CPU rounds nothing.

    >>> jaxpr = jax.make_jaxpr(in_full_precision(lambda x: x @ x))(jax.numpy.eye(2))
    >>> jaxpr.eqns[0].params["precision"][0].name
    'HIGHEST'
    """
    if isinstance(function, Partial) and function.func is _in_full_precision:
        return function
    return Partial(_in_full_precision, as_partial(function))


def _in_full_precision(function, *args, **kwargs):
    if jax.config.jax_default_matmul_precision is not None:
        return function(*args, **kwargs)
    with jax.default_matmul_precision("highest"):
        return function(*args, **kwargs)


def not_inlined(function: Callable, *args: Any, **static: Any) -> Any:
    """`function(*args, **static)`, on a CPU as a call that XLA does not inline.

    XLA's fusions for a CPU recompute an input for every place that reads it. What goes
    into and comes out of a call is an array, computed once. The derivatives of the call
    are such calls, too, and so are functions in it that are jitted themselves, as
    `jax.numpy.where` is: use `jax.lax` there.

    With several processes it is inlined. XLA may put a sum over the devices into the
    call, and starts what comes after a call, other sums among it, before all in it has
    started: processes would add up different arrays, or Gloo ends them.

    Args:
      function: of a module: what is compiled is kept for it and `static`.
      args: pytrees of arrays.
      static: hashable.

    >>> float(not_inlined(jax.lax.mul, 2.0, 3.0))
    6.0
    """
    if not on_cpu() or jax.process_count() > 1 or _all_inlined.get():
        return function(*args, **static)
    with set_xla_metadata(inlineable="false"):
        return _compiled(function, tuple(sorted(static.items())))(*args)


@functools.cache
def _compiled(function, static):
    return jax.jit(functools.partial(function, **dict(static)))


@contextlib.contextmanager
def all_inlined() -> Iterator[None]:
    """What is traced in it holds no calls of `not_inlined`: it is for all platforms."""
    token = _all_inlined.set(True)
    try:
        yield
    finally:
        _all_inlined.reset(token)


_all_inlined = contextvars.ContextVar("all_inlined", default=False)


def scannable(function: Callable, *args: Any) -> bool:
    """Whether calls of `function` may run inside one compiled loop without being slow.

    Not on a CPU if the function, or anything that it calls, convolves.

    Args:
      function: traceable; a jitted one keeps the trace for its own calls.
      args: pytrees of arrays or of `jax.ShapeDtypeStruct`. Nothing is computed.

    >>> scannable(lambda x: 2 * x, 1.0)
    True
    """
    if not on_cpu():
        return True
    inside = _traced(function, *args)
    return all(eqn.primitive is not jax.lax.conv_general_dilated_p for eqn in inside)


def _traced(function, *args) -> Iterator[Any]:
    jitted = function if hasattr(function, "trace") else jax.jit(function)
    return operations(jitted.trace(*args).jaxpr.jaxpr)


def copies_that_fit(function: Callable, *args: Any, memory: int | None = None) -> int:
    """How many calls of `function` are vmapped at a time, at least 1.

    As many as make the largest array in it `memory` bytes: by default 2 MiB on a CPU,
    whose caches hold little, and 1 GiB elsewhere.

    Args:
      function, args: as in `scannable`. Nothing is computed.

    >>> copies_that_fit(lambda x: x * jax.numpy.ones(2**18), 1.0)
    2
    """
    memory = memory or (2**21 if on_cpu() else 2**30)
    outputs = [v.aval for eqn in _traced(function, *args) for v in eqn.outvars]
    sizes = [x.size * x.dtype.itemsize for x in outputs if hasattr(x, "size")]
    return max(1, memory // max([1, *sizes]))


def operations(jaxpr: Any) -> Iterator[Any]:
    """The equations of a traced program and of all programs inside it.

    >>> program = jax.make_jaxpr(jax.jit(lambda x: 2 * x))(1.0)
    >>> [eqn.primitive.name for eqn in operations(program.jaxpr)]
    ['jit', 'mul']
    """
    for eqn in jaxpr.eqns:
        yield eqn
        for inner in jax.tree.leaves(list(eqn.params.values()), is_leaf=_is_program):
            if _is_program(inner):
                yield from operations(getattr(inner, "jaxpr", inner))


def _is_program(x: Any) -> bool:
    return hasattr(x, "eqns") or hasattr(getattr(x, "jaxpr", None), "eqns")


def number_settings() -> dict[str, Any]:
    """The settings of JAX that decide on numbers, by their environment variables.

    >>> "JAX_ENABLE_X64" in number_settings()
    True
    """
    names = "jax_enable_x64", "jax_default_matmul_precision"
    return {name.upper(): getattr(jax.config, name) for name in names}
