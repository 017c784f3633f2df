"""Signatures between us and an integrator: the Standard Webhooks scheme, both ways."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from dialer.signing import ID, SIGNATURE, TIMESTAMP, read_secret, secrets_of, sign, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY, OTHER = read_secret(SECRET), b"n" * 32
NOW_S = 1_614_265_330
BODY = b'{"test": 2432232314}'


def test_the_published_example_of_the_scheme_comes_out():
    """Source: the example in the documentation of the scheme's first implementation."""
    headers = sign([KEY], "msg_p5jXN8AQM9LWM0D4loKWxJek", NOW_S, BODY)

    assert headers == {
        ID: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        TIMESTAMP: "1614265330",
        SIGNATURE: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize(("signers", "readers"), [([KEY, OTHER], [KEY]), ([OTHER], [KEY, OTHER])])
def test_while_one_secret_replaces_another_both_hold(signers: list[bytes], readers: list[bytes]):
    headers = sign(signers, "m", NOW_S, BODY)

    assert verify(readers, headers, BODY, NOW_S)
    assert not verify([b"x" * 32], headers, BODY, NOW_S)
    assert not verify([], headers, BODY, NOW_S)


@pytest.mark.parametrize(
    ("late_s", "holds"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)]
)
def test_a_signature_holds_for_five_minutes(late_s: int, holds: bool):
    """API 7: replays end there."""
    assert verify([KEY], sign([KEY], "m", NOW_S, BODY), BODY, NOW_S + late_s) is holds


@given(
    part=st.sampled_from([ID, TIMESTAMP, SIGNATURE, "body"]), at=st.integers(0, 200), flip=st.integers(1, 255)
)
@settings(deadline=None)
def test_one_changed_byte_anywhere_breaks_it(part: str, at: int, flip: int):
    headers, body = sign([KEY], "msg_1", NOW_S, BODY), BODY
    raw = bytearray(body if part == "body" else headers[part].encode())
    raw[at % len(raw)] ^= flip
    if part == "body":
        body = bytes(raw)
    else:
        headers[part] = raw.decode("utf-8", "surrogateescape")

    assert not verify([KEY], headers, body, NOW_S)


@pytest.mark.parametrize(
    "broken",
    [
        {TIMESTAMP: ""}, {TIMESTAMP: "now"}, {TIMESTAMP: "١٦١٤٢٦٥٣٣٠"}, {TIMESTAMP: "9" * 5000}, {ID: ""},
        {SIGNATURE: ""}, {SIGNATURE: "v1,"}, {SIGNATURE: "v2,abc"}, {SIGNATURE: "v1,\udcff"}, {ID: "\udcff"},
    ],
)  # fmt: skip
def test_headers_that_make_no_sense_are_no_signature(broken: dict[str, str]):
    assert not verify([KEY], {**sign([KEY], "m", NOW_S, BODY), **broken}, BODY, NOW_S)


@pytest.mark.parametrize(
    "text", ["hunter2hunter2", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64!", "whsec_" + "A" * 400]
)
def test_what_is_no_secret_is_refused_and_not_told(text: str):
    with pytest.raises(ValueError, match=r"secret|base64") as refused:
        secrets_of(text)
    assert text == "whsec_" or text not in str(refused.value)


def test_a_setting_holds_one_secret_or_two_or_none():
    other = "whsec_" + "bm5u" * 10

    assert secrets_of(f"{SECRET}, {other}") == [KEY, read_secret(other)]
    assert secrets_of("") == []


def test_the_library_that_integrators_use_takes_what_we_sign_and_signs_what_we_take():
    """standardwebhooks, the reference: both ways, also while one secret takes the other's place."""
    now = datetime.now(UTC)
    body, second = b'{"status": "answered"}', "whsec_" + "bmV3" * 8
    theirs, new = Webhook(SECRET), Webhook(second)
    headers = sign(secrets_of(f"{second},{SECRET}"), "m-1", int(now.timestamp()), body)
    assert theirs.verify(body, headers) == new.verify(body, headers) == {"status": "answered"}

    said = {"webhook-id": "m-2", "webhook-timestamp": str(int(now.timestamp()))}
    said["webhook-signature"] = theirs.sign("m-2", now, body.decode())
    assert verify(secrets_of(f"{second},{SECRET}"), said, body, now.timestamp())
    assert not verify(secrets_of(second), said, body, now.timestamp())
