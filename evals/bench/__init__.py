"""Clara beside the naive way of the tutorials, measured in one run: see `naive.py` for what that is."""
