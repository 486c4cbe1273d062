"""One high-volume table with six indexes, for the benchmarks."""
