"""What each cloud accepts, as pure checks that import no Pulumi."""
