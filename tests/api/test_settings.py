"""Where the settings of an account come from, and which values are refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.api.client import AccountClient
from pulumi_account.api.settings import DEFAULT_ENDPOINT, Settings, is_loopback, require_sendable, resolve
from pulumi_account.common.instants import utc_now
from pulumi_account.exceptions import ConfigurationError
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY, assert_clean
from tests.support.helpers import refusal, unhurried

CONFIGURED = {"account:endpoint": "https://configured.invalid", "account:provisioningKey": PROVISIONING_KEY}
ENVIRONMENT = {"ACCOUNT_ENDPOINT": "https://env.invalid", "ACCOUNT_PROVISIONING_KEY": OTHER_PROVISIONING_KEY}
INSTANCE = {**CONFIGURED, "account:instance": "eu"}


def with_endpoint(endpoint: str, **environ: str) -> Settings:
    """The settings of a stack that has this endpoint."""
    return resolve({**CONFIGURED, "account:endpoint": endpoint}, environ)


def with_key(key: object) -> Settings:
    """The settings of a stack that has this provisioning key."""
    return resolve({"account:provisioningKey": key}, {})


def refused(endpoint: str, **environ: str) -> str:
    """Why an endpoint is refused."""
    return str(refusal(ConfigurationError, lambda: with_endpoint(endpoint, **environ)))


# --- precedence


@pytest.mark.parametrize(
    ("configuration", "environ", "endpoint", "key"),
    [
        (CONFIGURED, {}, "https://configured.invalid", PROVISIONING_KEY),
        ({}, ENVIRONMENT, "https://env.invalid", OTHER_PROVISIONING_KEY),
        (CONFIGURED, ENVIRONMENT, "https://env.invalid", OTHER_PROVISIONING_KEY),
        ({"account:provisioningKey": PROVISIONING_KEY}, {}, DEFAULT_ENDPOINT, PROVISIONING_KEY),
        (CONFIGURED, dict.fromkeys(ENVIRONMENT, ""), "https://configured.invalid", PROVISIONING_KEY),
        ({**CONFIGURED, "account:endpoint": None}, {}, DEFAULT_ENDPOINT, PROVISIONING_KEY),
        ({**CONFIGURED, "account:endpoint": ""}, {}, DEFAULT_ENDPOINT, PROVISIONING_KEY),
        (INSTANCE, ENVIRONMENT, "https://configured.invalid", PROVISIONING_KEY),
        ({**INSTANCE, "account:endpoint": None}, ENVIRONMENT, DEFAULT_ENDPOINT, PROVISIONING_KEY),
    ],
    ids=[
        *["configuration", "environment", "environment first", "default", "empty environment"],
        *["no endpoint", "empty endpoint", "instance", "instance without endpoint"],
    ],
)
def test_precedence(configuration: Any, environ: dict[str, str], endpoint: str, key: str) -> None:
    """The environment wins over the configuration, and does not reach an explicit instance."""
    settings = resolve(configuration, environ)
    assert (settings.endpoint, settings.provisioning_key) == (endpoint, key)


def test_the_default_endpoint() -> None:
    """Without an endpoint the account is the documented one."""
    assert DEFAULT_ENDPOINT == "https://api.naga.ac"


def test_each_setting_has_its_own_source() -> None:
    """The environment may give the key alone, and the configuration the endpoint."""
    environ = {"ACCOUNT_PROVISIONING_KEY": OTHER_PROVISIONING_KEY}
    settings = resolve(CONFIGURED, environ)
    assert (settings.endpoint, settings.provisioning_key) == (
        "https://configured.invalid",
        OTHER_PROVISIONING_KEY,
    )


def test_settings_hide_the_key() -> None:
    """Settings can be logged."""
    settings = resolve(CONFIGURED, {})
    assert (
        repr(settings)
        == "Settings(endpoint='https://configured.invalid', retry_deadline=90.0, timeout=30.0, "
        "ignores_delete_guard=False, clock_offset=0.0)"
    )
    assert_clean(repr(settings), str(settings))


# --- misspelled names


@pytest.mark.parametrize(
    "name",
    [
        "account:provisioningkey",
        "account:provisioning_key",
        "account:provisioning-key",
        "account:ProvisioningKey",
        "Account:provisioningKey",
        "project:provisioningKey",
        "account:Endpoint",
    ],
)
def test_a_misspelt_name_is_named(name: str) -> None:
    """A misspelled name is reported: otherwise the key would seem missing, or go to the default endpoint."""
    right = "account:provisioningKey" if "rovisioning" in name else "account:endpoint"
    given = {key: value for key, value in CONFIGURED.items() if key != right}
    error = refusal(ConfigurationError, lambda: resolve({**given, name: PROVISIONING_KEY}, {}))
    assert str(error) == f"the configuration has {name}, which has no effect: it must be {right}"


@pytest.mark.parametrize("name", ["project:endpoint", "account:provisioningKeys", "account:other"])
def test_other_names_are_nobodys_business(name: str) -> None:
    """Names that are merely similar are ignored."""
    assert resolve({**CONFIGURED, name: "x"}, {}).endpoint == "https://configured.invalid"


def test_a_misspelt_name_beside_the_right_one_does_no_harm() -> None:
    """The correct name, or the environment, is enough."""
    resolve({**CONFIGURED, "account:provisioningkey": "x"}, {})
    resolve({"account:provisioningkey": "x"}, {"ACCOUNT_PROVISIONING_KEY": PROVISIONING_KEY})


# --- the endpoint


@pytest.mark.parametrize(
    ("endpoint", "used"),
    [
        ("https://account.invalid", "https://account.invalid"),
        ("https://account.invalid/", "https://account.invalid"),
        ("https://account.invalid:8443/api//", "https://account.invalid:8443/api"),
        (" https://account.invalid\n", "https://account.invalid"),
        ("HTTPS://ACCOUNT.invalid", "HTTPS://ACCOUNT.invalid"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://bücher.invalid", "https://bücher.invalid"),
    ],
)
def test_endpoints(endpoint: str, used: str) -> None:
    """An endpoint is an https URL, or an http URL of this machine, with or without a path."""
    assert with_endpoint(endpoint).endpoint == used


@pytest.mark.parametrize(
    "host", ["api.naga.ac", "127.0.0.1.example", "localhost.example", "10.0.0.1", "0.0.0.0"]
)
def test_plain_http_is_for_this_machine(host: str) -> None:
    """Plain http would expose the key."""
    assert refused(f"http://{host}") == (
        f"account:endpoint (or ACCOUNT_ENDPOINT) http://{host} must be https: "
        "plain http is for loopback addresses only"
    )


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        ("https://user@account.invalid", "must not contain a user name or password"),
        (f"https://user:{PROVISIONING_KEY}@account.invalid", "must not contain a user name or password"),
        (f"https://:{PROVISIONING_KEY}@account.invalid", "must not contain a user name or password"),
        ("https://@account.invalid", "must not contain a user name or password"),
        (f"https://account.invalid/?key={PROVISIONING_KEY}", "must not have a query or a fragment"),
        ("https://account.invalid?", "must not have a query or a fragment"),
        (f"https://account.invalid/#{PROVISIONING_KEY}", "must not have a query or a fragment"),
        ("https://account.invalid#", "must not have a query or a fragment"),
        ("account.invalid", "must be an https:// URL"),
        ("ftp://account.invalid", "must be an https:// URL"),
        ("https://", "must be an https:// URL"),
        ("https:///path", "must be an https:// URL"),
        ("https:account.invalid", "must be an https:// URL"),
        (PROVISIONING_KEY, "must be an https:// URL"),
        ("https://account.invalid:port", "is not a URL"),
        ("https://account.invalid:99999", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://xn--", "is not a URL"),
        ("https://account\n.invalid", "is not a URL"),
        ("https://account.invalid/a b", "must not contain spaces or line breaks"),
        ("https://acc ount.invalid", "must not contain spaces or line breaks"),
    ],
)
def test_endpoints_that_cannot_be_used(endpoint: str, why: str) -> None:
    """An invalid endpoint is refused in one line that says where it comes from and quotes no credential."""
    assert refused(endpoint) == f"account:endpoint (or ACCOUNT_ENDPOINT) {why}"


URL_PARTS = st.sampled_from(
    ["https://", "http://", "localhost", "a.invalid", ":80", "/", "@", "?", "#", "[", "::1", "]", "xn--", "%", "\\",
     " ", "."]
)  # fmt: skip
URLS = st.lists(URL_PARTS | st.characters(), max_size=8).map("".join)


@unhurried
@given(URLS.map("https://".__add__) | URLS)
def test_any_endpoint_is_refused_or_can_be_used(endpoint: str) -> None:
    """Any endpoint is refused in one line, or the key is sent there safely and to the API's path."""
    try:
        settings = with_endpoint(endpoint)
    except ConfigurationError:
        refused(endpoint)
        return
    url = asked(settings)
    assert url.path.endswith("/v1/account/balance")
    assert (url.query, url.fragment, url.userinfo) == (b"", "", b"")
    assert url.scheme == "https" or is_loopback(f"http://{url.netloc.decode()}")


def asked(settings: Settings) -> httpx.URL:
    """The URL that a request goes to."""
    urls = []

    def handle(request: httpx.Request) -> httpx.Response:
        urls.append(request.url)
        return httpx.Response(200, json={"balance": "1"})

    transport = httpx.MockTransport(handle)
    with AccountClient(settings.endpoint, settings.provisioning_key, transport=transport) as client:
        client.get_balance()
    return urls[0]


LOOPBACK = [
    "http://localhost", "http://LOCALHOST:80", "http://127.0.0.1:8080/", "http://127.255.0.9", "http://[::1]:1",
]  # fmt: skip
ELSEWHERE = [
    "https://api.naga.ac", "http://localhost.example", "http://127.0.0.1.example", "http://10.0.0.1", "http://0.0.0.0",
    "http://[2001:db8::1]", "http://localhost@example.com", "", "localhost",
]  # fmt: skip


@pytest.mark.parametrize("endpoint", LOOPBACK)
def test_this_machine(endpoint: str) -> None:
    """Localhost, 127.0.0.0/8 and ::1 are this machine."""
    assert is_loopback(endpoint) is True


@pytest.mark.parametrize("endpoint", ELSEWHERE)
def test_another_machine(endpoint: str) -> None:
    """Any other host is another machine."""
    assert is_loopback(endpoint) is False


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:8080", "https://localhost", "http://[::1]"])
def test_loopback_only_lets_this_machine_through(endpoint: str) -> None:
    """With ACCOUNT_LOOPBACK_ONLY an endpoint on this machine is used."""
    assert with_endpoint(endpoint, ACCOUNT_LOOPBACK_ONLY="1").endpoint == endpoint


@pytest.mark.parametrize("configuration", [CONFIGURED, INSTANCE])
def test_loopback_only_refuses_all_others(configuration: dict[str, object]) -> None:
    """With ACCOUNT_LOOPBACK_ONLY no other machine is called, not even by an explicit instance."""
    error = refusal(ConfigurationError, lambda: resolve(configuration, {"ACCOUNT_LOOPBACK_ONLY": "1"}))
    assert "https://configured.invalid is not on this machine" in str(error)
    assert resolve(configuration, {"ACCOUNT_LOOPBACK_ONLY": ""}).endpoint == "https://configured.invalid"


def test_loopback_only_refuses_the_default() -> None:
    """The default endpoint is another machine as well."""
    environ = {"ACCOUNT_LOOPBACK_ONLY": "1", "ACCOUNT_PROVISIONING_KEY": PROVISIONING_KEY}
    refusal(ConfigurationError, lambda: resolve({}, environ), DEFAULT_ENDPOINT)


# --- the provisioning key


@pytest.mark.parametrize("key", [None, "", " ", "\n"])
def test_a_missing_key_names_both_places(key: str | None) -> None:
    """Without a provisioning key the error says how to set one, in either place."""
    assert str(refusal(ConfigurationError, lambda: with_key(key))) == (
        "no provisioning key: set it with `pulumi config set --secret account:provisioningKey`, "
        "or in the environment variable ACCOUNT_PROVISIONING_KEY"
    )


@pytest.mark.parametrize("key", [None, "", " "])
def test_an_instance_without_a_key_is_named(key: str | None) -> None:
    """An explicit instance without a provisioning key is named, and the environment does not help it."""
    configuration = {"account:instance": "eu", "account:provisioningKey": key}
    error = refusal(ConfigurationError, lambda: resolve(configuration, ENVIRONMENT))
    assert str(error) == "the provisioning key of provider 'eu' is empty: give it provisioning_key=…"


def test_space_around_a_key_is_no_part_of_it() -> None:
    """Surrounding space, such as a file's last line break, is ignored."""
    assert with_key(f" {PROVISIONING_KEY}\r\n").provisioning_key == PROVISIONING_KEY


@pytest.mark.parametrize("wrong", [" ", "\n", "\r\n", "\t", "\0", "é", "\u200b", "🔑", "'", '"', "\\"])
def test_keys_that_no_header_can_hold(wrong: str) -> None:
    """A key with anything but visible ASCII inside is refused, and not quoted."""
    key = f"{PROVISIONING_KEY}{wrong}{OTHER_PROVISIONING_KEY}"
    refusal(ConfigurationError, lambda: with_key(key), r"^the provisioning key contains .*: copy it again$")


@unhurried
@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\"'\\"), min_size=1))
def test_keys_that_can_be_sent(key: str) -> None:
    """Any visible ASCII but quotes and backslashes can be sent."""
    require_sendable(key)
    assert httpx.Headers({"Authorization": f"Bearer {key}"})["Authorization"] == f"Bearer {key}"


@unhurried
@given(
    st.text(),
    st.sampled_from([" ", "\\", "'", '"', "\n", "\r", "\t", "\0", "\x7f", "é", "🔑", "\u200b"]),
    st.text(),
)
def test_keys_that_cannot_be_sent(before: str, wrong: str, after: str) -> None:
    """A space, a line break, a quote, a backslash or anything outside ASCII is refused, and the key not quoted."""
    key = f"{before}{wrong}{PROVISIONING_KEY}{after}"
    refusal(ConfigurationError, lambda: require_sendable(key), "copy it again")


def test_an_empty_key_cannot_be_sent() -> None:
    """An empty key is refused."""
    refusal(ConfigurationError, lambda: require_sendable(""), "is empty")


# --- the retry deadline


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 90.0), ("0", 0.0), ("0.5", 0.5), ("120", 120.0), (" 5 ", 5.0), ("1e2", 100.0), ("86400", 86400.0)],
)
@pytest.mark.parametrize("configuration", [CONFIGURED, INSTANCE])
def test_retry_deadline(configuration: dict[str, object], text: str, seconds: float) -> None:
    """ACCOUNT_RETRY_DEADLINE is a number of seconds, by default 90; it counts for instances as well."""
    assert resolve(configuration, {"ACCOUNT_RETRY_DEADLINE": text}).retry_deadline == seconds


@pytest.mark.parametrize("text", ["-1", "86401", "nan", "inf", "-inf", "a minute", "1 m", "1,5", "0x10"])
def test_retry_deadlines_that_are_none(text: str) -> None:
    """Any other value is refused, and the error quotes it."""
    error = refusal(ConfigurationError, lambda: resolve(CONFIGURED, {"ACCOUNT_RETRY_DEADLINE": text}))
    assert str(error) == (f"ACCOUNT_RETRY_DEADLINE must be a number of seconds from 0 to 86400, not {text!r}")


@pytest.mark.parametrize(("text", "ignored"), [("", False), ("none", True)])
@pytest.mark.parametrize("configuration", [CONFIGURED, INSTANCE])
def test_delete_guard(configuration: dict[str, object], text: str, *, ignored: bool) -> None:
    """ACCOUNT_DELETE_GUARD=none ignores the guards of keys, those of instances, too."""
    assert resolve(configuration, {"ACCOUNT_DELETE_GUARD": text}).ignores_delete_guard is ignored


@pytest.mark.parametrize("text", ["None", "0", "off", "7d", "true", " none"])
def test_delete_guards_that_are_none(text: str) -> None:
    """Any other value is refused, so that a misspelled one does not keep a key."""
    error = refusal(ConfigurationError, lambda: resolve(CONFIGURED, {"ACCOUNT_DELETE_GUARD": text}))
    assert str(error) == f"ACCOUNT_DELETE_GUARD must be none or not set, not {text!r}"


@pytest.mark.parametrize(("text", "seconds"), [("", 30.0), ("0.1", 0.1), ("120", 120.0)])
def test_timeout(text: str, seconds: float) -> None:
    """ACCOUNT_TIMEOUT is a number of seconds, by default 30."""
    assert resolve(CONFIGURED, {"ACCOUNT_TIMEOUT": text}).timeout == seconds


@pytest.mark.parametrize("text", ["0", "0.05", "86401", "soon"])
def test_timeouts_that_are_none(text: str) -> None:
    """A time-out below 0.1 is refused, as is anything that is not a number."""
    error = refusal(ConfigurationError, lambda: resolve(CONFIGURED, {"ACCOUNT_TIMEOUT": text}))
    assert str(error) == f"ACCOUNT_TIMEOUT must be a number of seconds from 0.1 to 86400, not {text!r}"


def test_a_clock_offset() -> None:
    """With ACCOUNT_CLOCK_OFFSET the clock runs ahead, or behind, for an endpoint on this machine."""
    settings = with_endpoint("http://127.0.0.1:1", ACCOUNT_CLOCK_OFFSET="-86400")
    assert abs(settings.now() - (utc_now() - timedelta(days=1))) < timedelta(minutes=1)


def test_a_clock_offset_is_for_emulators() -> None:
    """No other endpoint is accepted with it: a wrong clock would rotate keys that are in use."""
    error = refusal(
        ConfigurationError, lambda: with_endpoint("https://account.example", ACCOUNT_CLOCK_OFFSET="60")
    )
    assert str(error) == (
        "account:endpoint https://account.example is not on this machine, and ACCOUNT_CLOCK_OFFSET is set (it is for "
        "tests against an emulator; a real account has a real clock)"
    )


def test_a_wrong_clock_offset() -> None:
    """Anything but a number of seconds within a century is refused."""
    for text in ("1h", "nan", "1e300"):
        error = refusal(
            ConfigurationError,
            lambda text=text: with_endpoint("http://127.0.0.1:1", ACCOUNT_CLOCK_OFFSET=text),  # type: ignore[misc]
        )
        assert str(error).startswith(
            "ACCOUNT_CLOCK_OFFSET must be a number of seconds from -3155760000 to 3155760000"
        )
