"""Figures that several programs draw: arrays in, a matplotlib `Figure` out."""

from landscape.figures.axis_scales import plain_numbers, stretch
from landscape.figures.bars import short_name
from landscape.figures.edges import edges_over_steps
from landscape.figures.level_curves import levels
from landscape.figures.method_looks import looks, mean_and_range, seeds_in_words, shades
from landscape.figures.metric_curves import MOST as MOST_CURVES
from landscape.figures.metric_curves import curves
from landscape.figures.paths import Curve, path, several_paths
from landscape.figures.saliency import scores_of_weights
from landscape.figures.sparse_networks import sparsity
from landscape.figures.spectra import spectrum
from landscape.figures.spectra_together import spectra_by_layer, spectra_of_runs
from landscape.figures.styles import Figure, attempt, colors, plain, save, style
from landscape.figures.surfaces import plane_axes, surface
from landscape.figures.trainings import training
from landscape.figures.units import dead_units
from landscape.figures.units_shrinking import shrinking

__all__ = [
    "MOST_CURVES",
    "Curve",
    "Figure",
    "attempt",
    "colors",
    "curves",
    "dead_units",
    "edges_over_steps",
    "levels",
    "looks",
    "mean_and_range",
    "path",
    "plain",
    "plain_numbers",
    "plane_axes",
    "save",
    "scores_of_weights",
    "seeds_in_words",
    "several_paths",
    "shades",
    "short_name",
    "shrinking",
    "sparsity",
    "spectra_by_layer",
    "spectra_of_runs",
    "spectrum",
    "stretch",
    "style",
    "surface",
    "training",
]
