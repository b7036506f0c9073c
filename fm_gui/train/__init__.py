"""Training: the worker process and its one loop."""
