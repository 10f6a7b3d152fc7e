"""Reading what Pulumi writes: exports of stacks."""
