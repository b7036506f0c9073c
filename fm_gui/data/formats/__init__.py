"""Readers of files, one module for each family of formats; table.py lists them."""
