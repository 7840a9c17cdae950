"""One step, many of them in a compiled call, and the examples that they take."""
