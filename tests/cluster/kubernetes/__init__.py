"""What of Kubernetes Spark needs, on this machine: an API that records its objects, and a node that runs its pods."""
