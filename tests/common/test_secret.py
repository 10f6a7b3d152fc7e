"""Plaintexts that are never printed."""

from __future__ import annotations

from pulumi_account.common.secret import Secret


def test_only_reveal_gives_the_text() -> None:
    """Neither repr, str nor a format has it."""
    secret = Secret("plain-1")
    assert secret.reveal() == "plain-1"
    assert f"{secret!r} {secret} {vars(Secret).keys()}".count("plain-1") == 0
    assert repr(secret) == "Secret(***)"


def test_secrets_compare_by_their_text() -> None:
    """Equal texts are equal secrets with equal hashes; a plain text is not a secret."""
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
