"""Figures: arrays in, a matplotlib `Figure` out. The only importer of matplotlib."""

from landscape.figures.paths import path
from landscape.figures.spectra import spectra_by_layer, spectrum
from landscape.figures.style import save
from landscape.figures.surfaces import surface
from landscape.figures.training import training

__all__ = ["path", "save", "spectra_by_layer", "spectrum", "surface", "training"]
