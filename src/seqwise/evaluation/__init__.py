"""Functions of arrays that say how good predictions are, and their tables."""
