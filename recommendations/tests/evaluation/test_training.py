"""`manage.py fit_models`: fitted models are used from the next request on."""

from decimal import Decimal

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from recommendations.fitted_models.store import present_model
from recommendations.models import FittedModel, UserTallies
from recommendations.recommenders import neighbours
from recommendations.recommenders.base import BettingProfile, FittedModels, ScoringContext
from recommendations.recommenders.neighbours import Neighbours, NeighboursModel, tokens_of
from recommendations.storing import store_coupons, store_events, store_users
from recommendations.tests.factories import coupon_row, event_row, offer_of, selection_row, user_row
from recommendations.tests.recommend import recommend
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow


@pytest.fixture
def bets(casino_a, now):
    """Users 1 to 5 bet on LEEDS and on DERBY, users 6 to 10 on OTHER teams; user 11 on LEEDS alone."""
    with use_casino(casino_a.current):
        store_users([user_row(id=user_id) for user_id in range(1, 12)])
        rows = []
        for user_id in range(1, 12):
            teams = ("LEEDS", "DERBY") if user_id < 6 else ("OTHER 1", "OTHER 2") if user_id < 11 else ("LEEDS",)
            rows += [
                coupon_row(user_id=user_id, timestamp=now, recommended_events=(selection_row(home_team=team),))
                for team in teams * 3
            ]
        store_coupons(rows)
        homes = ["DERBY", "OTHER 1", "OTHER 2", "NOBODY"]
        store_events(
            [
                event_row(id=n, home_team=home, away_team=f"A{n}", odd=Decimal(2))
                for n, home in enumerate(homes, start=1)
            ]
        )


def fit(users):
    model = neighbours.fit(users)
    assert model is not None
    return model


def ask(now, name="neighbours"):
    return recommend(casino_id=1, recommender_type=name, user_id=11, now=now)


def test_a_fitted_model_is_used_from_the_next_request_on(casino_a, bets, now, capsys):
    with use_casino(casino_a.current):
        assert ask(now).fallback_step == 1
    call_command("fit_models", casino=[1])
    assert "version 1" in capsys.readouterr().out
    with use_casino(casino_a.current):
        slip = ask(now)
        assert (slip.recommender, slip.fallback_step, slip.model_version) == ("neighbours", 0, "1")
        assert slip.recommended_events[0].home_team == "DERBY"
        assert slip.recommended_events[0].reasons == ("Popular with bettors like you: DERBY",)
        assert FittedModel.objects.get().coupons == 63
    casino_a.options = {"max_per_league": 1, "fallbacks": ["a recommender of an earlier release"]}
    casino_a.save()
    call_command("fit_models", casino=[1])
    with use_casino(casino_a.current):
        assert ask(now).model_version == "2"


def test_no_model_is_fitted_for_a_casino_without_history(casino_a, capsys):
    call_command("fit_models", all=True)
    assert "too little data to fit a model" in capsys.readouterr().out
    with use_casino(casino_a.current):
        assert not FittedModel.objects.exists()


def test_a_casinos_model_is_not_used_for_another(casino_a, casino_b, bets, now):
    call_command("fit_models", casino=[1])
    with use_casino(casino_b.current):
        store_users([user_row(id=11)])
        store_events([event_row(id=1)])
        slip = recommend(casino_id=2, recommender_type="neighbours", user_id=11, now=now)
    assert slip.model_version == ""


UNREADABLE = {"nothing": b"", "no msgpack": b"\xc1\xc1", "another's": b"\x01", "cut off": b"\x93"}


@pytest.mark.parametrize("blob", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_models_are_not_used_until_they_are_replaced(casino_a, bets, now, caplog, blob):
    user_vectors = b"\x93\x03\xc4\x01a\xc4\x01a"  # three numbers for each user, and one byte of them
    with use_casino(casino_a.current):
        for name, fitted in (("neighbours", blob), ("hybrid", blob), ("tastes", user_vectors)):
            FittedModel.objects.create(version=1, recommender=name, fitted=fitted, coupons=1)
        assert (ask(now).fallback_step, ask(now, "hybrid").fallback_step) == (1, 0)
        logged = [record.message for record in caplog.records if "is unreadable" in record.message]
        assert sorted(each.split()[1] for each in logged) == ["hybrid,", "neighbours,", "tastes,"]
        assert present_model() is None
    call_command("fit_models", casino=[1])
    with use_casino(casino_a.current):
        assert ask(now).fallback_step == 0


def test_a_casino_that_fails_is_reported_and_the_others_are_fitted(casino_a, casino_b, bets, now, capsys, caplog):
    with use_casino(casino_a.current):
        call_command("rebuild_profiles", "--casino", "1")
        assert UserTallies.objects.update(tallies=b"\xff")
    with pytest.raises(CommandError, match=r"Not fitted: 1\."):
        call_command("fit_models", all=True, jobs=1)
    output = capsys.readouterr()
    assert "Alpha" in output.err
    assert "UnknownTalliesFormat" in output.err
    assert "Beta" in output.out
    assert any(record.exc_info for record in caplog.records)


def test_a_model_can_be_encoded_and_decoded():
    model = fit([{"team:A": 1.0, "team:B": 2.0}, {"team:A": 2.0, "team:B": 1.0}] * 3)
    decoded = NeighboursModel.decode(model.encode())
    assert decoded.tokens == model.tokens
    assert np.array_equal(decoded.neighbours, model.neighbours)
    assert np.array_equal(decoded.weights, model.weights)


def test_ease_follows_its_formula():
    users = [{"team:A": 1.0, "team:B": 2.0}, {"team:A": 2.0, "team:B": 1.0, "team:C": 1.0}, {"team:C": 3.0}] * 3
    model = fit(users)
    matrix = np.array([[user.get(token, 0.0) for token in model.tokens] for user in users])
    inverse = np.linalg.inv(matrix.T @ matrix + 20.0 * np.eye(3))
    expected = np.eye(3) - inverse @ np.diag(1 / np.diag(inverse))
    for row in range(3):
        dense = np.zeros(3)
        dense[model.neighbours[row]] = model.weights[row]
        assert dense == pytest.approx(expected[row] * (1 - np.eye(3)[row]), abs=1e-6)


def test_no_model_is_fitted_to_tokens_of_fewer_than_three_users():
    assert neighbours.fit([]) is None
    assert neighbours.fit([{"team:A": 1.0, "team:B": 1.0}] * 2) is None
    assert neighbours.fit([{"team:A": 1.0}] * 3) is None


def test_a_team_has_the_same_token_at_home_and_away():
    profile = BettingProfile(weights={"home_team": {"A": 1.0}, "away_team": {"A": 2.0}})
    assert tokens_of(profile) == {"team:A": pytest.approx(np.log1p(3.0))}


def test_neighbours_does_not_apply_without_a_model_or_a_history():
    model = fit([{"team:H1": 1.0, "team:B": 2.0}] * 3)
    known = BettingProfile(weights={"home_team": {"H1": 1.0}})
    assert not Neighbours().applies(ScoringContext(offer_of({}), known))
    assert not Neighbours().applies(ScoringContext(offer_of({}), models=FittedModels(model)))
    assert Neighbours().applies(ScoringContext(offer_of({}), known, models=FittedModels(model)))
