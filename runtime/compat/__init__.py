"""Modules under the public names that handlers of managed runtimes import; last on the search path."""
