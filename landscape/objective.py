"""THE loss, for training and for curvature alike.

The objective is data loss + L2, and the two are returned apart. Which function smooths
the labels: `data_loss`, `per_example`, `training` and everything bound by `bind` (it is
the data term that is minimised, and whose Hessian is taken); `evaluate` never does (it
reports cross-entropy). What "weight" in a batch means: `landscape.weighting`. With
`batch_norm="batch"` or "update" padding enters the statistics of the batch: do not pad
there.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial
from jax.typing import ArrayLike

from landscape import layout, trees, weighting
from landscape.aliases import Batch, Params
from landscape.callables import Static
from landscape.errors import check_choice
from landscape.one_line import one_line
from landscape.weighting import weighted_mean


def cross_entropy(
    logits: ArrayLike, labels: ArrayLike, label_smoothing: float = 0.0
) -> jax.Array:
    """Cross-entropy [B] in nats of softmax(logits) against (1 - a) onehot + a / K.

    Args:
      logits: [B, K], float; computed in float32 or wider.
      labels: [B], int, in [0, K); a label of K or more gives NaN.
      label_smoothing: a, the weight of the uniform distribution in the labels
        (Szegedy et al. 2016).

    >>> loss = cross_entropy(jnp.zeros((1, 4)), jnp.array([2]))
    >>> bool(jnp.isclose(loss[0], jnp.log(4.0)))
    True
    """
    logits = jnp.asarray(logits)
    logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    log_p = jax.nn.log_softmax(logits)
    picked = jnp.take_along_axis(log_p, jnp.asarray(labels)[:, None], axis=1)[:, 0]
    if not label_smoothing:
        return -picked
    return -(1 - label_smoothing) * picked - label_smoothing * log_p.mean(axis=1)


class Aux(NamedTuple):
    """What `Objective.training` returns beside the total: data loss, L2 term, accuracy
    (scalars) and the updated running statistics."""

    data: jax.Array
    l2: jax.Array
    accuracy: jax.Array
    batch_stats: Any

    __repr__ = one_line


class Objective(NamedTuple):
    """The objective of a model; hashable, so usable as a static argument of jit.

    Attributes:
      model: a Flax Linen classifier with `apply(variables, image, train=...)`.
      label_smoothing: weight a of the uniform distribution in the labels.
      weight_decay: w of the L2 term (w/2) * sum of squares.
      decay_all: the L2 term takes every leaf in, not the kernels alone.
      rules: ((pattern, axes or kind), ...) for leaves that `landscape.layout` does not
        know.
      precision: dtype in which `training` computes logits, of parameters and images
        rounded to it (integers stay); what it returns, and its gradient, has the
        parameters' own.
      remat: whether the gradient of `training` computes each block of the model once
        more, instead of keeping what is inside; for a model with a field `remat`.

    `batch_norm` is one of "stored" (the running statistics: eval mode), "batch" (those
    of the batch; the stored ones stay as they are) and "update" (those of the batch;
    the running ones are updated), else InputError; without it, `batch_stats` is {}.

    >>> import flax.linen as nn
    >>> class Linear(nn.Module):
    ...     @nn.compact
    ...     def __call__(self, image, train=False):
    ...         return nn.Dense(2)(image)
    >>> objective = Objective(Linear(), weight_decay=0.5)
    >>> params = {"Dense_0": {"kernel": jnp.ones((3, 2)), "bias": jnp.zeros(2)}}
    >>> batch = {"image": jnp.ones((4, 3)), "label": jnp.zeros(4, int)}
    >>> total, aux = objective.training(params, batch)
    >>> [round(float(x), 4) for x in (total, aux.data, aux.l2)]
    [2.1931, 0.6931, 1.5]
    """

    model: Any
    label_smoothing: float = 0.0
    weight_decay: float = 0.0
    decay_all: bool = False
    rules: tuple[tuple[str, str], ...] = ()
    precision: str = "float32"
    remat: bool = False

    __repr__ = one_line

    def logits(
        self, params: Params, image, batch_stats=None, batch_norm: str = "stored"
    ) -> tuple[jax.Array, Any]:
        """Logits [B, K] of images [B, ...], and the statistics after the batch."""
        check_choice("batch norm mode", batch_norm, ("stored", "batch", "update"))
        stats = {} if batch_stats is None else batch_stats
        variables = {"params": params} | ({"batch_stats": stats} if stats else {})
        if batch_norm == "stored":
            return self.model.apply(variables, image, train=False), stats
        logits, updated = self.model.apply(
            variables, image, train=True, mutable=["batch_stats"]
        )
        after = updated.get("batch_stats", {}) if batch_norm == "update" else stats
        return logits, after

    def per_example(
        self,
        params: Params,
        batch: Batch,
        batch_stats=None,
        batch_norm: str = "stored",
        label_smoothing: float | None = None,
    ) -> jax.Array:
        """Data loss [B] of each example, in nats; smoothed as the objective if None."""
        logits, _ = self.logits(params, batch["image"], batch_stats, batch_norm)
        smoothing = self.label_smoothing if label_smoothing is None else label_smoothing
        return cross_entropy(logits, batch["label"], smoothing)

    def output_loss(self, logits: jax.Array, batch: Batch) -> jax.Array:
        """Data loss of a batch as a function of its logits [B, K]; a scalar."""
        losses = cross_entropy(logits, batch["label"], self.label_smoothing)
        return weighted_mean(losses, weighting.of_batch(batch))

    def data_loss(
        self, params: Params, batch: Batch, batch_stats=None, batch_norm: str = "stored"
    ) -> jax.Array:
        """Weighted mean over the batch of the data loss that is minimised; a scalar."""
        logits, _ = self.logits(params, batch["image"], batch_stats, batch_norm)
        return self.output_loss(logits, batch)

    def l2(self, params: Params) -> jax.Array:
        """(w/2) * sum of squares of the kernels (decay_all: of all leaves).

        Kernels are what `landscape.layout` says; without decay nothing is asked of it.
        """
        leaves = trees.named_leaves(params)
        if self.weight_decay and not self.decay_all:
            leaves = {name: leaves[name] for name in layout.kernels(params, self.rules)}
        decayed = list(leaves.values()) if self.weight_decay else []
        return 0.5 * self.weight_decay * trees.dot(decayed, decayed)

    def training(
        self, params: Params, batch: Batch, batch_stats=None
    ) -> tuple[jax.Array, Aux]:
        """(data loss + L2, Aux): the function whose gradient is the training step."""
        rounded = [params, batch["image"]]
        if self.precision != "float32":
            rounded = jax.tree.map(self._rounded, rounded)
        model = self.model.clone(remat=True) if self.remat else self.model
        at = self._replace(model=model)
        logits, stats = at.logits(*rounded, batch_stats, "update")
        data, l2 = self.output_loss(logits, batch), self.l2(params)
        hit = (logits.argmax(axis=1) == batch["label"]).astype(data.dtype)
        accuracy = weighted_mean(hit, weighting.of_batch(batch))
        return data + l2, Aux(data, l2, accuracy, stats)

    def _rounded(self, x: jax.Array) -> jax.Array:
        # Integers are indices (of words, say): few of them are numbers of bfloat16.
        floating = jnp.issubdtype(x.dtype, jnp.floating)
        return x.astype(self.precision) if floating else x

    def evaluate(
        self, params: Params, batch: Batch, batch_stats=None
    ) -> dict[str, jax.Array]:
        """Sums over the batch in eval mode: loss (no smoothing or L2), objective (the
        loss as it is smoothed in training, no L2), correct, count.

        Added up over padded batches and divided by the count, they are means in which
        every example counts exactly once.
        """
        logits, _ = self.logits(params, batch["image"], batch_stats)
        losses = cross_entropy(logits, batch["label"])
        weight = weighting.of_batch(batch)
        weight = jnp.ones_like(losses) if weight is None else weight
        weight = weighting.of_examples(weight).astype(losses.dtype)
        smoothed = cross_entropy(logits, batch["label"], self.label_smoothing)
        hit = logits.argmax(axis=1) == batch["label"]
        sums = {"loss": losses, "objective": smoothed, "correct": hit}
        sums["count"] = jnp.ones_like(losses)
        return {name: (weight * values).sum() for name, values in sums.items()}

    def bind(
        self, batch_stats=None, batch_norm: str = "stored", l2: bool = False
    ) -> Partial:
        """`loss_fn(params, batch)` for any tool: the data loss (`l2`: and the L2 term).

        A pytree that carries `batch_stats`: it may be an argument of a jitted function,
        and one bound to other statistics compiles nothing again.
        """
        settings = (self, batch_norm, l2)
        return Partial(Static(_loss, settings), batch_stats=batch_stats)

    def bind_logits(self, batch_stats=None) -> Partial:
        """`model_fn(params, batch) -> logits`, the partner of `output_loss`."""
        return Partial(Static(_logits, (self,)), batch_stats=batch_stats)

    def bind_per_example(self, batch_stats=None) -> Partial:
        """`per_example_loss(params, batch) -> [B]`, data losses in eval mode."""
        per_example = Static(Objective.per_example, (self,))
        return Partial(per_example, batch_stats=batch_stats)

    def bind_output_loss(self) -> Partial:
        """`output_loss` as a pytree, whose equals compile nothing again."""
        return Partial(Static(Objective.output_loss, (self,)))


def _loss(objective, batch_norm, l2, params, batch, batch_stats):
    loss = objective.data_loss(params, batch, batch_stats, batch_norm)
    return loss + objective.l2(params) if l2 else loss


def _logits(objective, params, batch, batch_stats):
    return objective.logits(params, batch["image"], batch_stats)[0]
