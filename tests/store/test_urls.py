"""URLs of stores: every accepted form, and the errors for the others."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shodohflo.errors import ConfigurationError
from shodohflo.store.passwords import PasswordPlace, PasswordSource
from shodohflo.store.urls import SENTINEL_PORT, Endpoint, StoreKind, StoreUrl, parse_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("bert", StoreUrl(host="bert")),
        (" bert ", StoreUrl(host="bert")),
        ("127.0.0.1:6380", StoreUrl(host="127.0.0.1", port=6380)),
        ("[2001:db8::1]:6380", StoreUrl(host="2001:db8::1", port=6380)),
        ("[2001:db8::1]", StoreUrl(host="2001:db8::1")),
        ("2001:db8::1", StoreUrl(host="2001:db8::1")),
        ("::1", StoreUrl(host="::1")),
        ("redis://bert", StoreUrl(host="bert")),
        ("valkey://dns:1", StoreUrl(host="dns", port=1)),
        ("valkey://bert:1/2", StoreUrl(host="bert", port=1, database=2)),
        ("valkey://bert?db=2", StoreUrl(host="bert", database=2)),
        ("redis://:p%40ss@bert/", StoreUrl(host="bert", password="p@ss")),
        ("rediss://me:pass@bert:1", StoreUrl(host="bert", port=1, username="me", password="pass", tls=True)),
        (
            "valkeys://bert?ssl_ca_certs=/ca&ssl_certfile=/c&ssl_keyfile=/k&ssl_cert_reqs=none",
            StoreUrl(host="bert", tls=True, ca_certs="/ca", certificate="/c", key="/k", certificate_check="none"),
        ),
        ("unix:///run/valkey%20one.sock", StoreUrl(path="/run/valkey one.sock")),
        ("unix://me:pass@/s?db=3", StoreUrl(path="/s", database=3, username="me", password="pass")),
        ("unix:///s?password=pass", StoreUrl(path="/s", password="pass")),
        (
            "redis+sentinel://bert,ernie:2,[::1]:3/flows/4",
            StoreUrl(
                host="bert",
                port=SENTINEL_PORT,
                others=(Endpoint("ernie", 2), Endpoint("::1", 3)),
                kind=StoreKind.SENTINEL,
                primary="flows",
                database=4,
            ),
        ),
        (
            "valkeys+sentinel://me:pass@bert/flows?sentinel_username=you&sentinel_password=word&db=1",
            StoreUrl(
                host="bert",
                port=SENTINEL_PORT,
                kind=StoreKind.SENTINEL,
                primary="flows",
                database=1,
                username="me",
                password="pass",
                sentinel_username="you",
                sentinel_password="word",
                tls=True,
            ),
        ),
        (
            "rediss+cluster://:a%40b,c@bert,ernie:2/?ssl_cert_reqs=none",
            StoreUrl(
                host="bert",
                others=(Endpoint("ernie", 2),),
                kind=StoreKind.CLUSTER,
                password="a@b,c",
                tls=True,
                certificate_check="none",
            ),
        ),
        ("valkey+cluster://bert/0", StoreUrl(host="bert", kind=StoreKind.CLUSTER)),
        (
            "valkey://me@bert?password_file=/run/p",
            StoreUrl(host="bert", username="me", password=PasswordPlace(PasswordSource.FILE, "/run/p")),
        ),
        (
            "unix:///s?password_env=STORE_PASSWORD",
            StoreUrl(path="/s", password=PasswordPlace(PasswordSource.VARIABLE, "STORE_PASSWORD")),
        ),
        (
            "redis+sentinel://bert/flows?password_credential=a&sentinel_password_credential=b",
            StoreUrl(
                host="bert",
                port=SENTINEL_PORT,
                kind=StoreKind.SENTINEL,
                primary="flows",
                password=PasswordPlace(PasswordSource.CREDENTIAL, "a"),
                sentinel_password=PasswordPlace(PasswordSource.CREDENTIAL, "b"),
            ),
        ),
    ],
)
def test_each_form_names_its_store(text: str, url: StoreUrl) -> None:
    """Each form that `--store` and `REDIS_SERVER` accept is parsed into its parts."""
    assert parse_url(text) == url


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no host"),
        ("http://bert", "scheme"),
        ("redis://", "no host"),
        ("bert:0", "port"),
        ("bert:65536", "port"),
        ("bert:many", "port"),
        ("redis://bert/first", "database"),
        ("redis://bert?db=-1", "database"),
        ("redis://bert?speed=9", "unknown option after the ?"),
        ("redis://bert?ssl_ca_certs=/ca", "unknown option after the ?"),
        ("rediss://bert?ssl_cert_reqs=maybe", "ssl_cert_reqs"),
        ("rediss://bert?ssl_keyfile=/k", "ssl_keyfile without an ssl_certfile"),
        ("redis://bert#1", "#"),
        ("unix://run/valkey.sock", "three slashes"),
        ("unix://", "three slashes"),
        ("[::1", "store"),
        ("redis://db..example.org", "a part that is empty"),
        ("redis://" + "d" * 70 + ".example.org", "longer than 63 bytes"),
        ("redis://me@bert", "a user without a password"),
        ("redis://bert/123456", "database"),
        ("unix:///run/me@s.sock", "%40"),
        ("redis://bert,ernie", "valkey+cluster://"),
        ("redis+cluster://:a@bert,:a@ernie", "stand once, before the first host"),
        ("redis://bert?password_file=", "an absolute path"),
        ("redis+shard://bert", "the scheme must be"),
        ("unix+cluster:///s", "the scheme must be"),
        ("redis+://bert", "the scheme must be"),
        ("redis+sentinel://bert", "after the Sentinels comes the name of their primary"),
        ("redis+sentinel://bert/a:b", "after the Sentinels comes the name of their primary"),
        ("redis+sentinel://bert/flows/first", "database"),
        ("redis+sentinel://bert,/flows", "none between two commas"),
        ("redis+sentinel://bert/flows?sentinel_username=me", "without a sentinel_password"),
        ("redis+cluster://bert/1", "a cluster has no databases"),
        ("redis+cluster://bert?db=0", "unknown option after the ?"),
        ("redis+cluster://bert?sentinel_password=a", "unknown option after the ?"),
        ("redis+cluster://" + "bert," * 100 + "bert", "more than 100 hosts"),
        ("redis://:a@bert?password_file=/p", "two passwords"),
        ("redis://bert?password_env=A&password_file=/p", "more than one of password_file, password_env"),
        ("redis://bert?db=1&db=2", "is there twice"),
        ("redis://bert?password_file=secret", "an absolute path"),
        ("redis://bert redis://ernie", "readers take several stores, an agent one"),
        ("@stores.txt", "readers take several stores, by @FILE or dns:NAME"),
        (" dns:stores.example.net", "readers take several stores, by @FILE or dns:NAME"),
    ],
)
def test_a_form_that_is_not_taken_is_named_with_the_way_out(text: str, said: str) -> None:
    """A malformed URL gives an error of one line with the mistake and the accepted forms."""
    with pytest.raises(ConfigurationError) as caught:
        parse_url(text)

    assert said in str(caught.value)
    assert "valkey://:password@host:port/database" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("password", ["secret", "secret@1", "sec:secret", "secret/1", "secret?x", "secret#", "secret["])
@pytest.mark.parametrize(
    "form", ["redis://me:{}@bert:99999", "me:{}@bert:many", "http://me:{}@bert", "unix://me:{}@run/s?password={}"]
)
def test_no_message_holds_a_password(form: str, password: str) -> None:
    """No error contains any part of a password, even of a malformed URL."""
    with pytest.raises(ConfigurationError) as caught:
        parse_url(form.format(password, password))

    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "redis://bert:6379:secret",
        "bert:6379:secret",
        "redis://bert:secret",
        "redis://me@secret:bert",
        "redis://secret@bert",
        "redis://bert/secret",
        "redis://bert:6379/0/secret",
        "redis://bert:6379/0:secret",
        "redis://bert?secret",
        "redis://bert?db=secret",
        "redis://bert?password=1&secret=2",
        "redis://bert?passwd=secret",
        "redis://bert#secret",
        "redis://:1#secret@bert",
        "redis://:1/secret@bert",
        "redis://:1?secret@bert",
        "redis://:1 secret@bert",
        "redis://bert 6379 secret",
        "redis-cli -h bert -a secret",
        "redis:///me:secret@bert",
        "unix:///me:secret@/run/s",
        "unix://secret/run/s",
        "redis:/:secret@bert",
        "redis//:secret@bert",
        "rediss//:secret@bert",
        "redis:secret@bert",
        "secret://bert",
        "redis://[::1]:secret",
        "redis://[secret",
        "redis://bert,secret",
        "redis://bert;secret",
        "redis://bert%3Asecret",
        "redis://bert:6379:secret@",
        "rediss://bert?ssl_cert_reqs=secret",
        "redis://bert?password_file=secret",
        "redis://bert?password_credential=my/secret",
        "redis+sentinel://bert/:secret@flows",
        "redis+sentinel://bert/flows/secret",
        "redis+cluster://bert/secret",
        "redis+cluster://:1/secret@bert",
        "redis+cluster://bert:secret,ernie",
    ],
)
def test_a_misplaced_password_is_in_no_message(text: str) -> None:
    """Wherever a password was put by mistake, it is neither in an error nor in the text of a URL that is accepted."""
    try:
        url = parse_url(text)
    except ConfigurationError as error:
        said = f"{error!r} {error} {error.__cause__}"
    else:
        said = f"{url!r} {url}"

    assert "secret" not in said


def test_a_store_is_shown_without_its_credentials() -> None:
    """Neither `str` nor `repr` of a URL contains credentials."""
    url = parse_url("rediss://me:secret@[::1]:1/2?ssl_certfile=/c&ssl_keyfile=secret")

    assert str(url) == "valkeys://[::1]:1/2"
    assert "secret" not in repr(url)
    assert str(parse_url("unix://me:secret@/s?db=1")) == "unix:///s?db=1"
    sentinels = parse_url("redis+sentinel://:secret@a,b:1/flows/2?sentinel_password=secret")
    assert str(sentinels) == "valkey+sentinel://a:26379,b:1/flows/2"
    assert "secret" not in repr(sentinels)
    assert str(parse_url("rediss+cluster://:secret@a,[::1]:1")) == "valkeys+cluster://a:6379,[::1]:1"


@given(st.text())
@example("redis://[::1]x")
@example("redis://bert:\u0664")
@example("//")
def test_any_text_is_a_store_or_an_error_of_one_kind(text: str) -> None:
    """Any text is a `ConfigurationError` or a URL; without credentials and TLS, its `str` parses to the same URL."""
    try:
        url = parse_url(text)
    except ConfigurationError:
        return

    assert parse_url(str(url)) == url or url.password or url.username or url.tls or url.sentinel_password
