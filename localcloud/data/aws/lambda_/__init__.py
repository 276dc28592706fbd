"""Lambda: execution environments, the Invoke API and function URLs."""
