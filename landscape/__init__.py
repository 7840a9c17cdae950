"""What is studied: networks, their masks and data, the loss, and run folders.

It knows neither training (`train`) nor analysis (`analysis`). Rooms: `models`,
`sparsity`, `units`, `derivatives`, `data`, `checkpoint`, `cli` and `figures`. Of the
files, `objective` is the loss, `config` and `recipe` turn settings into functions, and
`runs` reads a run folder.
"""
