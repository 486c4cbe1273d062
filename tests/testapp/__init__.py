"""An installed app with a source model and its archive for every shape that a table can have."""
