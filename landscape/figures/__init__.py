"""Figures that several programs draw: arrays in, a matplotlib `Figure` out."""

from landscape.figures.bars import short_name
from landscape.figures.level_curves import levels
from landscape.figures.paths import Curve, path, several_paths
from landscape.figures.saliency import scores_of_weights
from landscape.figures.sparse_networks import sparsity
from landscape.figures.spectra import spectra_by_layer, spectrum
from landscape.figures.styles import Figure, attempt, colors, plain, save, style
from landscape.figures.surfaces import plane_axes, surface
from landscape.figures.trainings import training
from landscape.figures.units import dead_units
from landscape.figures.units_shrinking import shrinking

__all__ = [
    "Curve",
    "Figure",
    "attempt",
    "colors",
    "dead_units",
    "levels",
    "path",
    "plain",
    "plane_axes",
    "save",
    "scores_of_weights",
    "several_paths",
    "short_name",
    "shrinking",
    "sparsity",
    "spectra_by_layer",
    "spectrum",
    "style",
    "surface",
    "training",
]
