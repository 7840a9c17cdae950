"""Functions with settings that compare by value, for what jit compiles once.

A jitted function compiles again for every function that is not equal to one it was
called with before, and closures and `functools.partial` are equal to themselves alone.
So what goes into jit is `Partial(function, *arrays)`: arrays as arguments (a
closed-over array is folded into the program, slowly), a function of a module, and its
settings in a `Static`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from jax.tree_util import Partial

from landscape.errors import InputError


class Static(NamedTuple):
    """`function(*settings, ...)`; two are equal if function and settings are.

    Attributes:
      function: of a module.
      settings: its first arguments, hashable: they are constants of what is compiled.

    >>> def power(exponent, x):
    ...     return x**exponent
    >>> Static(power, (3,)) == Static(power, (3,)), Static(power, (3,))(2)
    (True, 8)
    """

    function: Callable
    settings: tuple = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*self.settings, *args, **kwargs)


def as_partial(function: Callable) -> Partial:
    """A function as a pytree, fit to be an argument of a jitted one.

    Raises:
      InputError: it cannot be called.
    """
    if not callable(function):
        raise InputError(f"a function is needed, not {function!r}.")
    return function if isinstance(function, Partial) else Partial(function)
