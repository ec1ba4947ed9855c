"""Where work runs: in this process, in several, or on the nodes of a Ray cluster."""
