"""Up to which curvature an optimizer is stable at its learning rate; imports no JAX."""

from typing import Any

GRADIENT_DESCENT = "sgd"
"""The optimizer of which there is such a threshold."""

OPERATORS = ("hessian", "gauss-newton")
"""Whose largest eigenvalue it is compared with: the second is most of the first."""

REFERENCE = "Cohen et al. 2021, arXiv:2103.00065"


def stability(config: Any) -> tuple[float, str] | None:
    """The number that, over the learning rate, is the threshold; and the formula.

    On a quadratic whose largest eigenvalue is above

        2 / lr                                  gradient descent
        2 (1 + beta) / lr                       with momentum beta (heavy ball)
        2 (1 + beta) / ((1 + 2 beta) lr)        with Nesterov momentum

    full-batch gradient descent diverges (Cohen et al. 2021, arXiv:2103.00065, section 2
    and appendix B). None of other optimizers: theirs depends on the preconditioner.

    Args:
      config: the settings of a training, see `landscape.config`.

    >>> from landscape.config import DenseRun
    >>> stability(DenseRun(momentum=0.0))
    (2.0, '2 / lr')
    >>> stability(DenseRun(momentum=0.9))
    (3.8, '2 (1 + 0.9) / lr')
    >>> round(stability(DenseRun(momentum=0.9, nesterov=True))[0], 3)
    1.357
    >>> stability(DenseRun(optimizer="adam"))
    """
    if config.optimizer != GRADIENT_DESCENT:
        return None
    beta = config.momentum
    if not beta:
        return 2.0, "2 / lr"
    if config.nesterov:
        formula = f"2 (1 + {beta:g}) / ((1 + 2 * {beta:g}) lr)"
        return 2 * (1 + beta) / (1 + 2 * beta), formula
    return 2 * (1 + beta), f"2 (1 + {beta:g}) / lr"
