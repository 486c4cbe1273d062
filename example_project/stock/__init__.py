"""An inventory: articles, their batches and every movement of stock."""
