"""The control plane of the local clouds: stand-in providers for the real Pulumi engine."""
