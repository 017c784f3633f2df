"""Events on their way out: as the API shows them, and as they happen."""
