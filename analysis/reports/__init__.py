"""A page of runs, analyses and studies: what it shows, and the HTML of it.

`content` finds what there is below some folders, `page` makes one HTML file of it.
Neither needs JAX.
"""

from analysis.reports.content import Content, gather
from analysis.reports.page import render, summary

__all__ = ["Content", "gather", "render", "summary"]
