"""A real single-node Kubernetes on a plain Debian machine, for people and tests that have no cluster."""
