"""Reading exports of stacks, which Pulumi writes."""
