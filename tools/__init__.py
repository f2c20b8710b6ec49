"""What can be done, and the rules for it."""
