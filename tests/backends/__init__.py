"""One contract, run on whichever engine is chosen: it works, or raises as its flag says."""
