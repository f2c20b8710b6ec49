"""Finding the passages that answer: reading, cutting, encoding, indexing and searching articles."""
