"""RFC 9111 as the pulls apply it, by hishel's rules."""

from __future__ import annotations

from steersman.services.pulls import http_rules
from steersman.services.pulls.upstream import retry_after_s

DATE = "Mon, 30 Nov 2026 12:00:00 GMT"
AT = 1_796_040_000_000_000_000


def test_a_lifetime_is_what_the_answer_says() -> None:
    def lifetime(**headers: str) -> float | None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return http_rules.terms({"date": DATE, **named}, received_ns=AT).lifetime_s

    assert lifetime(cache_control="max-age=60, s-maxage=600") == 60
    assert lifetime(expires="Mon, 30 Nov 2026 12:05:00 GMT") == 300
    assert lifetime(expires="0") == 0
    assert lifetime(cache_control="no-cache, max-age=60") == 0
    assert lifetime(vary="*", cache_control="max-age=60") == 0
    assert lifetime(last_modified="Mon, 30 Nov 2020 12:00:00 GMT") is None, "nothing is guessed"


def test_an_answer_may_have_aged_on_its_way() -> None:
    assert http_rules.terms({"date": DATE, "age": "40"}, received_ns=AT).age_s == 40
    assert http_rules.terms({"date": DATE}, received_ns=AT + 7_000_000_000).age_s == 7
    assert http_rules.terms({"date": "nonsense"}, received_ns=AT).age_s == 0


def test_what_must_not_be_stored_or_be_stale_is_known() -> None:
    assert not http_rules.terms({"cache-control": "no-store"}, received_ns=AT).may_store
    assert not http_rules.terms({"cache-control": "max-age=5, must-revalidate"}, received_ns=AT).may_be_stale
    private = http_rules.terms({"cache-control": "private, max-age=5"}, received_ns=AT)
    assert (private.may_store, private.may_be_stale) == (True, True)


def test_conditions_are_made_from_validators() -> None:
    stored = {"etag": 'W/"a"', "last-modified": DATE, "date": DATE}
    assert http_rules.conditions(stored) == {"if-none-match": 'W/"a"', "if-modified-since": DATE}
    assert http_rules.conditions({"date": DATE}) == {}


def test_a_304_freshens_what_it_is_about_and_nothing_else() -> None:
    stored = {"etag": '"a"', "cache-control": "max-age=5", "content-type": "text/csv"}
    fresh = http_rules.freshened(stored, {"etag": '"a"', "cache-control": "max-age=50"})
    assert fresh["cache-control"] == "max-age=50"
    assert fresh["content-type"] == "text/csv"
    assert http_rules.freshened(stored, {"etag": '"b"'}) == {}


def test_later_is_read_as_seconds_or_as_a_date() -> None:
    assert retry_after_s("120", AT) == 120
    assert retry_after_s("Mon, 30 Nov 2026 12:01:00 GMT", AT) == 60
    assert retry_after_s("999999", AT) == 3600
    assert retry_after_s("soon", AT) is None
    assert retry_after_s("", AT) is None
