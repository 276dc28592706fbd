"""The data plane of the local clouds: one process, one port, every name of the state answered by deployed bytes."""
