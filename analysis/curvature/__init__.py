"""Curvature matrices of a mean loss over a data set, as linear operators.

H (hessian), G (gauss_newton), R = H - G (residual), and the second moments of gradients
and of output gradients; whole, within a mask, or of some layers.
"""

from analysis.curvature.coordinates import matching, num_kept
from analysis.curvature.covariances import (
    fisher,
    gradient_covariance,
    output_gradient_covariance,
)
from analysis.curvature.operator_algebra import Operator
from analysis.curvature.operators import gauss_newton, hessian, residual

__all__ = [
    "Operator",
    "fisher",
    "gauss_newton",
    "gradient_covariance",
    "hessian",
    "matching",
    "num_kept",
    "output_gradient_covariance",
    "residual",
]
