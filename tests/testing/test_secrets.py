"""Encryption of secrets in state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pulumi_account.testing import PassphraseError
from pulumi_account.testing.secrets import Vault, passphrase

if TYPE_CHECKING:
    from pathlib import Path

# Made by another implementation of the format, with the passphrase "x".
SALT = "v1:N6XRNNpzEdE=:v1:u1GtkIqW8r+R0Pf3:jgJWSL0MBeY5WKBhFiEi7BtVgWGQIw=="
PASSWORD = "v1:W0gEHMfvTvtyzKdH:8TvnaB/OIouRk9jdHPN3dwUlifQ="


def test_what_others_encrypted_can_be_read() -> None:
    """The format is the one of ``pulumi``: its salt and ciphertexts open."""
    assert Vault("x", SALT).decrypt(PASSWORD) == "pa55"


def test_a_vault_opens_what_it_has_closed() -> None:
    """A second vault made from the first one's state reads its ciphertexts; each is different."""
    first = Vault("x", SALT)
    one, two = first.encrypt("päss"), first.encrypt("päss")
    assert one != two
    assert Vault("x", first.state).decrypt(one) == "päss"


def test_a_wrong_passphrase_is_told_in_one_line() -> None:
    """The error names the variable, and nothing else is in its chain."""
    with pytest.raises(PassphraseError, match="PULUMI_CONFIG_PASSPHRASE") as caught:
        Vault("y", SALT).decrypt(PASSWORD)
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_no_key_is_made_before_it_is_needed() -> None:
    """A vault without secrets has no state to keep."""
    vault = Vault("x")
    assert vault.state is None
    vault.encrypt("s")
    assert vault.state is not None
    assert vault.state.startswith("v1:")


def test_the_passphrase_comes_from_the_environment(tmp_path: Path) -> None:
    """The variable wins over the file, and both over the empty string."""
    file = tmp_path / "phrase"
    file.write_text("from file\n")
    assert passphrase({}) == ""
    assert passphrase({"PULUMI_CONFIG_PASSPHRASE_FILE": str(file)}) == "from file"
    assert passphrase({"PULUMI_CONFIG_PASSPHRASE_FILE": str(file), "PULUMI_CONFIG_PASSPHRASE": "p"}) == "p"
