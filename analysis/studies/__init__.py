"""One program a paper: trains what it needs, looks at it, says which claims hold."""
