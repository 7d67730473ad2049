from django.core.checks import Tags, run_checks


def _ids(**kwargs):
    return [message.id for message in run_checks(**kwargs) if str(message.id).startswith("tenants.")]


def test_models_are_valid():
    assert _ids(tags=[Tags.models]) == []


def test_plain_model_in_a_casino_app_is_an_error(settings):
    settings.CASINO_APPS = [*settings.CASINO_APPS, "sessions"]
    (error,) = [message for message in run_checks(tags=[Tags.models]) if message.id == "tenants.E001"]
    assert error.msg == "sessions.Session must inherit CasinoModel."
    assert error.is_serious()


def test_casino_model_in_a_catalogue_app_is_an_error(settings):
    settings.CASINO_APPS = []
    errors = {message.msg for message in run_checks(tags=[Tags.models]) if message.id == "tenants.E001"}
    assert "recommendations.User must not inherit CasinoModel." in errors
    assert not any("sessions" in error for error in errors)


def _errors(check_id):
    return {message.msg for message in run_checks(tags=[Tags.models]) if message.id == check_id}


def test_app_with_models_must_be_classified(settings):
    settings.CATALOGUE_APPS = ["admin", "auth", "contenttypes", "tenants"]
    assert _errors("tenants.E004") == {"The app 'sessions' must be in either CASINO_APPS or CATALOGUE_APPS."}


def test_app_cannot_be_classified_twice(settings):
    settings.CATALOGUE_APPS = [*settings.CATALOGUE_APPS, "recommendations"]
    assert _errors("tenants.E004") == {"The app 'recommendations' must be in either CASINO_APPS or CATALOGUE_APPS."}


def test_relation_between_a_casino_and_the_catalogue_is_an_error(settings):
    settings.CASINO_APPS = ["recommendations", "admin"]
    assert _errors("tenants.E002") == {
        "admin.LogEntry.user refers to auth.User, in another database.",
        "admin.LogEntry.content_type refers to contenttypes.ContentType, in another database.",
    }


def test_relation_from_the_catalogue_to_a_casino_is_an_error(settings):
    settings.CASINO_APPS = ["recommendations", "contenttypes"]
    assert "auth.Permission.content_type refers to contenttypes.ContentType, in another database." in _errors(
        "tenants.E002"
    )


def test_manager_of_a_casinos_model_must_bind_its_querysets(settings):
    settings.CASINO_APPS = ["recommendations", "auth"]
    errors = _errors("tenants.E003")
    assert {"auth.User._base_manager is not a CasinoManager.", "auth.User.objects is not a CasinoManager."} <= errors
    assert "auth.User_groups._base_manager is not a CasinoManager." in errors  # the table Django makes of a relation
    assert not any("recommendations" in error for error in errors)


def test_open_api_gives_a_deployment_warning(settings):
    settings.RECSYS_OPEN_API = True
    assert _ids(tags=[Tags.security], include_deployment_checks=True) == ["tenants.W001"]
    assert _ids(tags=[Tags.security]) == []


def test_closed_api_gives_no_warning(settings):
    settings.RECSYS_OPEN_API = False
    assert _ids(tags=[Tags.security], include_deployment_checks=True) == []
