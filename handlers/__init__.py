"""Handlers of the two functions; a user's own take their place."""
