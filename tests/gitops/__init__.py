"""Tests of the workflows in `examples/gitops`."""
