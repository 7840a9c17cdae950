"""A run from its opening to its last step: what is checked, measured and written."""
