"""Stand-ins for AWS and Alibaba Cloud on one machine: a control plane and a data plane over one state."""
