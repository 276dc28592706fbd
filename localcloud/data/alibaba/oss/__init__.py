"""Object Storage Service."""
