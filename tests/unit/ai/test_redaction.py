"""What is never sent: found by its form or because it is known, and nothing else is taken out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.ai import Redactor


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghij0123456789XYZ",
        "sk_live_51HabcdefGHIJKLMNOP",
        "AKIAIOSFODNN7EXAMPLE",
        "AIzaSyA1234567890abcdefghijklmnopqrstuvw",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "github_pat_11ABCDEFG0123456789_abcdef",
        "xoxb-123456789012-abcdefghij",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
        "Bearer abcdef1234567890ghij",
        "api_key = hunter2hunter2",
        '"password": "tr0ub4dor&3x"',
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "DU1234567",
        "U7654321",
        "acct_1032D82eZvKYlo2C",
        "4111 1111 1111 1111",
        "0123456789abcdef0123456789abcdef",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nMIIEowIBAAKCAQEA",
    ],
)
def test_keys_and_accounts_are_taken_out_by_their_form(secret: str) -> None:
    redacted = Redactor().redact(f"Before {secret} after")
    tail = secret.rsplit(maxsplit=1)[-1][-6:].strip('"')
    assert tail not in redacted.text
    assert redacted.text.startswith("Before ")
    assert redacted.count >= 1


def test_a_login_in_an_address_goes_and_the_address_stays() -> None:
    assert Redactor().redact("https://me:pa55word@example.com/x").text == "https://[redacted]@example.com/x"


@pytest.mark.parametrize(
    "text",
    [
        "We sold 4,200 shares at 37.25 on 2026-11-30, order 20261130-0007.",
        "Call 555 123 4567, or see https://example.com/2026/11/a-long-path-with-many-words-in-it.",
        "The commit 3f2a91c fixes U2's song in C++17 and ISO 8601.",
        "A token is a word; the secret of a good password: length.",
        "Der IBAN-Check and the Bearer of news; sk-learn is a library.",
        "supercalifragilisticexpialidocious_and_even_longer_words_of_a_function_name",
    ],
)
def test_prose_is_left_as_it_is(text: str) -> None:
    assert Redactor().redact(text).text == text


def test_known_values_go_whatever_their_case_and_short_ones_are_no_secrets() -> None:
    redactor = Redactor(["Acme Holdings", "abc"])
    assert redactor.redact("ACME HOLDINGS learns its abc").text == "[redacted] learns its abc"


@given(st.text(alphabet="ab1-._:=@/ \nAKIAsk", max_size=300), st.text(min_size=8, max_size=20, alphabet="xyz123"))
def test_no_known_secret_survives_in_any_surroundings(around: str, secret: str) -> None:
    assert secret not in Redactor([secret]).redact(f"{around}{secret}{around}").text


@pytest.mark.parametrize("unit", ["a-", "eyJ-", "token=", "-----BEGIN KEY-----", "1 ", "Bearer  ", "://a:", "A1"])
def test_hostile_text_costs_its_length_and_not_its_square(unit: str) -> None:
    """Work is counted by ratio: eight times the text may cost at most twenty times as much."""
    from time import process_time

    def cost(size: int) -> float:
        text = unit * (size // len(unit))
        least = float("inf")
        for _ in range(3):
            began = process_time()
            Redactor().secrets(text)
            least = min(least, process_time() - began)
        return least

    assert cost(160_000) < 20 * max(cost(20_000), 0.002)
