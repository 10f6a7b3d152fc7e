"""A key's life, for any front end: plain values in, plain values out; no Pulumi."""
