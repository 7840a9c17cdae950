"""From settings to what trains: the state, the optimizer, the order of examples."""
