"""The demonstration: a drifting stream, one OnlineModel, a client that asks all the while, a report."""
