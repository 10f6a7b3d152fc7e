"""One key in each place from which its consumers read it."""

import pulumi
import pulumi_aws as aws
import pulumi_github as github
import pulumi_kubernetes as kubernetes
import pulumi_pulumiservice as pulumiservice

import pulumi_account as account

config = pulumi.Config()

# a replaced key works for two more days: consumers reload within one
key = account.RotatingApiKey("batch", every="30d", overlap="2d", name="batch", credit_limit=50)
plaintext = key.require_key()  # stays a secret

# Kubernetes: each generation has a Secret of its own, which pods read when they start. A rotation makes the next one,
# starts the pods again, because their template names it, and only then deletes the previous one
secret_name = key.generation.apply(lambda generation: f"batch-key-{generation}")
secret = kubernetes.core.v1.Secret(
    "batch",
    metadata={"name": secret_name, "namespace": config.require("namespace")},
    string_data={"ACCOUNT_API_KEY": plaintext},
)
labels = {"app": "batch"}
kubernetes.apps.v1.Deployment(
    "batch",
    metadata={"namespace": config.require("namespace")},
    spec={
        "selector": {"match_labels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "containers": [
                    {
                        "name": "batch",
                        "image": "example/batch:1",
                        "env_from": [{"secret_ref": {"name": secret_name}}],
                    }
                ]
            },
        },
    },
    opts=pulumi.ResourceOptions(depends_on=secret),
)

# GitHub Actions: the next run of a workflow reads the new key
github.ActionsSecret(
    "batch",
    repository=config.require("repository"),
    secret_name="ACCOUNT_API_KEY",  # noqa: S106
    value=plaintext,
)

# AWS Secrets Manager: consumers read it at most a day ago, for example through a cache
stored = aws.secretsmanager.Secret("batch", name="batch/account-api-key")
aws.secretsmanager.SecretVersion("batch", secret_id=stored.id, secret_string=plaintext)

# Pulumi ESC: `esc run` and stacks that import the environment read the new key when they start
pulumiservice.Environment(
    "batch",
    organization=config.require("organization"),
    project="keys",
    name="batch",
    yaml=pulumi.Output.json_dumps(
        {"values": {"environmentVariables": {"ACCOUNT_API_KEY": {"fn::secret": plaintext}}}}
    ).apply(pulumi.StringAsset),
)

pulumi.export("generation", key.generation)
pulumi.export("next_rotation_at", key.next_rotation_at)
