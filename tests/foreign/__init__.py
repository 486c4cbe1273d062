"""A project that is not ours installs the wheel and archives two tables."""
