from django.core.checks import Tags, run_checks


def _ids(**kwargs):
    return [message.id for message in run_checks(**kwargs) if str(message.id).startswith("tenants.")]


def test_models_are_where_their_apps_say():
    assert _ids(tags=[Tags.models]) == []


def test_plain_model_in_a_casino_app_is_an_error(settings):
    settings.CASINO_APPS = ["recommendations", "sessions"]
    (error,) = [message for message in run_checks(tags=[Tags.models]) if message.id == "tenants.E001"]
    assert error.msg == "sessions.Session must inherit CasinoModel."
    assert error.is_serious()


def test_casino_model_in_a_catalogue_app_is_an_error(settings):
    settings.CASINO_APPS = []
    errors = {message.msg for message in run_checks(tags=[Tags.models]) if message.id == "tenants.E001"}
    assert "recommendations.User must not inherit CasinoModel." in errors
    assert not any("sessions" in error for error in errors)


def test_open_api_is_warned_of_when_deploying(settings):
    settings.RECSYS_OPEN_API = True
    assert _ids(tags=[Tags.security], include_deployment_checks=True) == ["tenants.W001"]
    assert _ids(tags=[Tags.security]) == []


def test_closed_api_is_not_warned_of(settings):
    settings.RECSYS_OPEN_API = False
    assert _ids(tags=[Tags.security], include_deployment_checks=True) == []
