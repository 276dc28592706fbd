"""Folder that takes the place of /var/runtime for managed Python runtimes; on PYTHONPATH of their functions."""
