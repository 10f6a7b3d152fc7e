"""Rules that the declared keys of a stack must keep: plain values in, findings out; no Pulumi. Quick to import."""
