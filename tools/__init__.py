"""What makes a machine ready, and the code behind `make`."""
