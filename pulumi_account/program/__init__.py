"""What a Pulumi program writes: keys, providers, functions."""
