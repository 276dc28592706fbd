"""The parts that a stack is made of: each checks its arguments, creates its resources and tells what it made."""
