"""The services of Alibaba Cloud that the data plane serves."""
