"""What is studied: networks, their masks and data, the loss, and run folders.

It knows neither training (`train`) nor analysis (`analysis`). Of the files, `objective`
is the loss, `layout` tells which leaves are kernels, `trees` is the linear algebra of
parameters, and `rng` makes all random keys. The README names the rooms.
"""
