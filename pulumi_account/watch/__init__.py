"""Watching the balance, and reporting when it crosses a threshold."""
