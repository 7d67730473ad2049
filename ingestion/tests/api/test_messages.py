"""POST /events, /users, /coupons: the messages of a request, and the outcome of each."""

import msgspec
import pytest
from django.db import connections

from ingestion.api.bodies import MAX_MESSAGES
from ingestion.models import MessageCount
from ingestion.tests.sample_messages import SELECTION, coupon, event, user, without
from recommendations.models import Event, Market, PurchasedCoupon, User, UserProfile, WaitingCoupon
from recommendations.tests.factories import EventFactory, UserFactory
from tenants.models import CasinoState
from tenants.routing.context import use_casino
from tenants.tests.api_clients import make_key

from .conftest import LINES, Sender


def in_casino(casino, read):
    with use_casino(casino.current):
        return read()


def test_one_message_is_stored(sender, casino_a, casino_b):
    response = sender.post("/users", user(id=31))
    assert response.status_code == 200
    assert response.json() == {"outcomes": {"stored": 1}, "items": [{"index": 0, "id": 31, "outcome": "stored"}]}
    assert in_casino(casino_a, lambda: User.objects.get().id) == 31
    assert in_casino(casino_b, User.objects.count) == 0


def test_an_array_is_stored_in_its_order(sender, casino_a):
    assert sender.outcomes("/events", [event(id=1, odd=1.5), event(id=2), {"id": 1, "odd": 1.6}]) == [
        "stored",
        "stored",
        "updated",
    ]
    assert str(in_casino(casino_a, lambda: Event.objects.get(id=1).odd)) == "1.600"


def test_later_messages_of_a_request_are_the_newer_ones(sender, casino_a):
    statuses = ["open", "suspended", "open", "suspended", "verlegt", "open"]
    in_casino(casino_a, lambda: EventFactory(id=1))
    casino_a.options = {"status_words": {"events": {"verlegt": "suspended"}}}
    casino_a.save()
    for word in statuses:
        sender.post("/events", [{"id": 1, "status": "settled"}, {"id": 1, "status": "open"}, {"id": 1, "status": word}])
        expected = "OPEN" if word == "open" else "SUSPENDED"
        assert in_casino(casino_a, lambda: Event.objects.get(id=1).status) == expected


def test_the_casinos_own_words_for_markets_are_known(sender, casino_a):
    message = {"event_id": 7, "producer": "LIVE", "markets": [
        {"market": "1X2", "status": "ruht", "outcomes": [{"outcome": "HOME", "odd": 2, "status": "frei"}]}
    ]}  # fmt: skip
    assert sender.outcomes("/odds", [message]) == ["unknown_value"]
    casino_a.options = {"status_words": {"markets": {"ruht": "suspended", "frei": "open"}}}
    casino_a.save()
    assert sender.outcomes("/odds", [message]) == ["stored"]
    assert in_casino(casino_a, lambda: Market.objects.values_list("status", "odds").get()) == ("suspended", [2000])


def test_lines_are_read_each_by_itself(sender, casino_a):
    lines = [msgspec.json.encode(user(id=1)), b"", b'{"id": 2, "name":', msgspec.json.encode(user(id=3))]
    body = b"\r\n".join(lines) + b"\n"
    assert sender.outcomes("/users", body, media_type=LINES) == ["stored", "malformed", "stored"]
    assert in_casino(casino_a, lambda: set(User.objects.values_list("id", flat=True))) == {1, 3}


@pytest.mark.parametrize("media_type", ["application/json", LINES])
def test_a_byte_order_mark_is_skipped(sender, media_type):
    body = b"\xef\xbb\xbf" + msgspec.json.encode(user())
    assert sender.outcomes("/users", body, media_type=media_type) == ["stored"]


def test_an_array_that_is_no_json_is_rejected_as_a_whole(sender, casino_a):
    response = sender.post("/users", b"[" + msgspec.json.encode(user()) + b', {"id": NaN}]')
    assert (response.status_code, response.json()["code"]) == (400, "parse_error")
    assert in_casino(casino_a, User.objects.count) == 0


@pytest.mark.parametrize(("body", "media_type"), [(b"[]", "application/json"), (b"\n \n", LINES)])
def test_no_messages_are_nothing(sender, body, media_type):
    assert sender.outcomes("/users", body, media_type=media_type) == []


@pytest.mark.parametrize("body", [b"", b"  "])
def test_an_empty_body_is_rejected(sender, body):
    response = sender.post("/users", body)
    assert (response.status_code, response.json()["code"]) == (400, "parse_error")


def test_a_rejected_message_is_answered_with_its_code_and_field(sender):
    response = sender.post("/events", [event(id=1), without(event(id=7.0), "sport"), 5, "text", None, []])
    assert response.status_code == 207
    items = response.json()["items"]
    assert [each.get("code") for each in items] == [None, "missing", *["wrong_type"] * 4]
    assert (items[1]["field"], items[1]["id"]) == ("sport", 7)
    assert "sport" in items[1]["detail"]
    assert response.json()["outcomes"] == {"stored": 1, "rejected": 5}


def test_a_rejected_message_closes_its_event_all_the_same(sender, casino_a, casino_b):
    for casino in (casino_a, casino_b):
        in_casino(casino, lambda: EventFactory(id=1))
    assert sender.outcomes("/events", {"id": 1, "status": "settled", "odd": "x"}) == ["wrong_type"]
    assert in_casino(casino_a, lambda: Event.objects.get(id=1).status) == "SETTLED"
    assert in_casino(casino_b, lambda: Event.objects.get(id=1).status) == "OPEN"


def test_a_broken_message_that_restricts_a_user_restricts(sender, casino_a):
    in_casino(casino_a, lambda: UserFactory(id=7))
    assert sender.outcomes("/users", b'{"id": 7, "status": "self_excluded", "name": "A') == ["malformed"]
    assert in_casino(casino_a, lambda: User.objects.get(id=7).is_withheld)


def test_a_rejected_message_is_no_dead_letter_but_counts(sender, casino_a):
    sender.post("/users", [user(id=1), user(id=-1)])
    counts = in_casino(casino_a, lambda: {each.outcome: each.count for each in MessageCount.objects.all()})
    assert counts == {"stored": 1, "out_of_range": 1}


def test_coupons_are_counted_and_those_of_unknown_users_wait(sender, casino_a):
    in_casino(casino_a, lambda: UserFactory(id=7))
    sent = [coupon(id=1), coupon(id=1), coupon(id=2, user_id=8), coupon(id=3, recommended_events=[SELECTION, {}])]
    assert sender.outcomes("/coupons", sent) == ["stored", "duplicate", "waiting", "stored_in_part"]
    assert in_casino(casino_a, lambda: UserProfile.objects.get(user_id=7).coupon_count) == 2
    assert in_casino(casino_a, WaitingCoupon.objects.count) == 1
    sender.post("/users", user(id=8))
    assert in_casino(casino_a, PurchasedCoupon.objects.count) == 3


def test_a_coupon_read_in_part_is_answered_with_its_problems(sender, casino_a):
    in_casino(casino_a, lambda: UserFactory(id=7))
    [item] = sender.post("/coupons", coupon(id=3, recommended_events=[SELECTION, {}])).json()["items"]
    assert item["detail"] == "recommended_events[1].sport: missing"


def test_a_coupon_without_an_id_needs_an_idempotency_key(sender, casino_a):
    in_casino(casino_a, lambda: UserFactory(id=7))
    [refused, _] = sender.post("/coupons", [coupon(), coupon(id=1)]).json()["items"]
    assert (refused["code"], refused["field"]) == ("missing", "id")
    assert "Idempotency-Key" in refused["detail"]
    assert sender.outcomes("/coupons", [coupon(), coupon()], key="a") == ["stored", "stored"]
    assert in_casino(casino_a, PurchasedCoupon.objects.count) == 3


def test_too_many_messages_are_rejected_at_once(sender, casino_a):
    response = sender.post("/users", b"{}\n" * (MAX_MESSAGES + 1), media_type=LINES)
    assert (response.status_code, response.json()["code"]) == (413, "request_too_large")
    assert in_casino(casino_a, MessageCount.objects.count) == 0


def test_a_message_larger_than_kafkas_is_rejected_alone(sender, settings):
    settings.API_REQUEST_BYTES = 0
    assert sender.outcomes("/users", [user(name="A" * 1_100_000), user(id=1)]) == ["too_large", "stored"]


@pytest.mark.parametrize("scope", ["recommend", "configure", "test"])
def test_other_scopes_may_not_send_messages(casino_a, scope):
    response = Sender(casino_a, scope).post("/users", user())
    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")


def test_the_scope_permits_nothing_else(sender):
    assert sender.post("/config", {}).status_code == 403


def test_a_login_needs_the_permission_to_add_rows(client, casino_a, django_user_model):
    login = django_user_model.objects.create_user("ann", password="secret", is_staff=True)
    client.force_login(login)
    headers = {"Casino-ID": "1"}
    body, media_type = msgspec.json.encode(user()), "application/json"
    assert client.post("/users", body, content_type=media_type, headers=headers).status_code == 403


def test_another_casino_is_forbidden(casino_a, casino_b, client, settings):
    settings.RECSYS_OPEN_API = False
    headers = {"Authorization": f"Api-Key {make_key(casino_a).text}", "Casino-ID": "2"}
    response = client.post("/users", b"{}", content_type="application/json", headers=headers)
    assert response.status_code == 403


def test_a_suspended_casino_takes_no_messages(sender, casino_a):
    casino_a.state = CasinoState.SUSPENDED
    casino_a.save()
    assert sender.post("/users", user()).status_code == 423
    casino_a.state = CasinoState.ACTIVE
    casino_a.save()
    assert in_casino(casino_a, User.objects.count) == 0


def test_a_casino_without_a_configuration_takes_messages(sender, casino_a):
    assert not casino_a.is_configured
    assert sender.outcomes("/users", user()) == ["stored"]


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "text/plain", "text/csv"])
def test_other_media_types_are_rejected(sender, media_type):
    response = sender.post("/users", b"{}", media_type=media_type)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("count", [1, 20])
def test_a_batch_of_any_size_takes_this_many_statements(sender, casino_a, django_assert_num_queries, count):
    in_casino(casino_a, lambda: UserFactory(id=7))
    batch = [coupon(id=1 + number) for number in range(count)]
    with django_assert_num_queries(11, connection=connections[casino_a.current.alias]):
        sender.post("/coupons", batch, key="a")


def test_what_the_catalogue_does_not_offer_is_skipped_and_answered(sender, casino_a):
    casino_a.options = {"catalogue": {"sports": ["TENNIS"]}}
    casino_a.save()
    response = sender.post("/events", [event(id=1), event(id=2, sport="tennis")]).json()
    assert response["outcomes"] == {"skipped": 1, "stored": 1}
    [skipped, _] = response["items"]
    assert skipped["detail"] == "sport is not in the casino's option catalogue.sports"
    assert in_casino(casino_a, lambda: Event.objects.get().id) == 2
