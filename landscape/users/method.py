"""A mask updater that a function of the user's own makes, checked before training."""

from typing import Any

import jax
import jax.numpy as jnp

from landscape import trees
from landscape.aliases import Params
from landscape.errors import InputError
from landscape.sparsity import Updater, masks
from landscape.users.call import call_named
from landscape.users.code import call

PROTOCOL = "(counts, params, **arguments) -> landscape.sparsity.Updater"


def of_settings(
    counts: dict[str, int],
    params: Params,
    method: str,
    method_args: tuple[str, ...],
    steps: int,
) -> Updater:
    """The updater of `--method package.module:function`, as a row of methods names it.

    Args:
      counts: entries that each kernel keeps in the end, by name.
      params: shapes of the parameters.
      method: the function, of `PROTOCOL`.
      method_args: KEY=VALUE arguments of it.
      steps: of the run; given to a function that has a parameter of this name.

    Returns:
      The updater, whose functions have been traced once: masks and state keep their
      structure, shapes and dtypes.

    Raises:
      InputError: the function cannot be imported, does not take the arguments, raises
        or returns no updater; or its masks, state or info are not what they must be.
    """
    offered = {"steps": steps}
    updater = call_named(
        "--method", method, (counts, params), "--method-args", method_args, offered
    )
    if not isinstance(updater, Updater):
        raise InputError(
            f"--method {method} must be {PROTOCOL}, but it returned a"
            f" {type(updater).__name__}."
        )
    if updater.stops is not None:
        raise InputError(
            f"--method {method} asks for scores over data (Updater.stops), which"
            " training computes for its own methods alone."
        )
    _check(method, updater, masks.full(counts, params), params)
    return updater


def _check(method: str, updater: Updater, like: Any, params: Params) -> None:
    key = jax.eval_shape(lambda: jax.random.key(0, impl="threefry2x32"))
    first = _traced(method, "init", updater.init, 2, key, params)
    _check_masks(method, "init", first[0], like)
    if updater.latent:
        latent = getattr(first[1], "latent", None)
        if _signature(latent) != _signature(params):
            raise InputError(
                f"--method {method}: the state of an updater with latent weights must"
                " be a named tuple whose field `latent` is like the parameters."
            )
    step = jax.ShapeDtypeStruct((), jnp.int32)
    after = _traced(
        method, "update", updater.update, 3, step, key, params, params, *first
    )
    _check_masks(method, "update", after[0], like)
    if _signature(after[1]) != _signature(first[1]):
        raise InputError(
            f"--method {method}: `update` must return a state like that of `init`,"
            f" {_shown(first[1])}, not {_shown(after[1])}."
        )
    changed = after[2].get("changed") if isinstance(after[2], dict) else None
    if getattr(changed, "shape", None) != () or changed.dtype != bool:
        raise InputError(
            f'--method {method}: the info of `update` must be a dict whose "changed"'
            " is a boolean scalar: whether the masks changed now."
        )


def _traced(method: str, what: str, function: Any, count: int, *args: Any) -> tuple:
    """The shapes that a function of the updater returns."""

    def run(*args):
        found = call("--method", f"{method}: `{what}`", function, *args)
        if not (isinstance(found, tuple) and len(found) == count):
            raise InputError(
                f"--method {method}: `{what}` must return {count} values, not"
                f" {len(found) if isinstance(found, tuple) else type(found).__name__}."
            )
        return found

    try:
        return jax.eval_shape(run, *args)
    except TypeError as error:  # what is returned holds no arrays
        raise InputError(f"--method {method}: `{what}`: {error}.") from error


def _check_masks(method: str, what: str, found: Any, like: Any) -> None:
    """Raises InputError unless masks are booleans in the shapes of `like`."""
    who = f"--method {method}: the masks of `{what}`"
    if jax.tree.structure(found) != jax.tree.structure(like):
        raise InputError(f"{who} must have the structure of the parameters.")
    leaves = zip(trees.named_leaves(found).items(), jax.tree.leaves(like), strict=True)
    for (name, mask), wanted in leaves:
        if mask.shape != wanted.shape or mask.dtype != bool:
            kept = "" if wanted.shape else " (it keeps all its entries)"
            raise InputError(
                f"{who} must hold booleans of shape {wanted.shape} for {name}{kept},"
                f" not {mask.dtype} of {mask.shape}: start from"
                " landscape.sparsity.masks.full(counts, params)."
            )


def _signature(tree: Any) -> Any:
    shapes = [(x.shape, x.dtype) for x in jax.tree.leaves(tree)]
    return jax.tree.structure(tree), shapes


def _shown(tree: Any) -> str:
    return str(jax.tree.map(lambda x: f"{x.dtype}{list(x.shape)}", tree))
