"""A library: a model with every sort of index that both engines have."""
