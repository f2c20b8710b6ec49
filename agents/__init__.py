"""Who thinks: one node or node family per file."""
