"""A small shop that the tests of the commands, the functions and the backends work on."""
