"""What is exported of a network; imports no JAX."""

from typing import Any, NamedTuple

from landscape.one_line import one_line
from landscape.runs import Ref, Run


class Network(NamedTuple):
    """A trained classifier.

    Attributes:
      model: a Flax Linen module, called with `train=False`.
      variables: its {"params": ...} and, with batch norm, {"batch_stats": ...}.
      input_shape: of one image.
      description: what a stranger needs to use it, of JSON's types; see
        `landscape.export.descriptions`.
      masks: of the parameters, True = kept; None: everything is.
    """

    model: Any
    variables: dict[str, Any]
    input_shape: tuple[int, ...]
    description: dict[str, Any]
    masks: Any = None

    __repr__ = one_line

    @property
    def rules(self) -> tuple[tuple[str, str], ...]:
        """Of its leaves, for `landscape.layout`."""
        # Here, as that imports JAX.
        from landscape import layout

        return layout.rules_of(self.model)

    def logits(self, variables: Any, images: Any) -> Any:
        """[B, K] of images [B, *input_shape]: those of the run."""
        return self.model.apply(variables, images, train=False)

    def exported_logits(self, variables: Any, images: Any) -> Any:
        """The same as they are written to a file, of convolutions the plain form.

        Elsewhere one operation is fast, where the products that are fast on a CPU in
        JAX are not. A module without the field `form` is as it is.
        """
        plain = {"form": "plain"} if hasattr(self.model, "form") else {}
        return self.model.clone(**plain).apply(variables, images, train=False)


def network_of(run: Run, ref: Ref) -> Network:
    """The network of a run, in float32, with its description.

    Args:
      run: loaded, with its data.
      ref: its name.
    """
    import jax
    import numpy as np

    from landscape.export.descriptions import describe

    stats = run.state.batch_stats
    variables = {"params": run.state.params} | ({"batch_stats": stats} if stats else {})
    floats = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), variables)
    shape, masks = run.data.input_shape, jax.tree.map(np.asarray, run.masks)
    return Network(run.model, floats, shape, describe(run, ref), masks)
