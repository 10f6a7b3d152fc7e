"""API keys of an AI gateway account as Pulumi resources."""
