"""Function Compute 3.0."""
