"""The services of AWS that the data plane serves."""
