"""`manage.py configure`: a new casino gets the default schema, and a configured one stays as it is."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from recommendations.serving.output_schema import DEFAULT_SCHEMA, schema_as_json


def test_a_new_casino_gets_the_default_schema_and_another_casino_stays(casino_a, casino_b):
    out = StringIO()
    call_command("configure", "--casino", str(casino_a.pk), stdout=out)
    for casino in (casino_a, casino_b):
        casino.refresh_from_db()
    assert (casino_a.recommender_type, casino_a.recommendation_schema) == ("hybrid", schema_as_json(DEFAULT_SCHEMA))
    assert not casino_b.is_configured
    summary, _, schema = out.getvalue().partition("\n")
    assert "recommender hybrid" in summary
    assert {"event_id", "market", "line", "outcome"} < set(json.loads(schema)["recommended_events"]["fields"])


def test_a_configured_casino_is_refused(caller_a, casino_a, example_configuration):
    caller_a.post("/config", example_configuration)
    with pytest.raises(CommandError, match="configured already, with the recommender inference"):
        call_command("configure", "--casino", str(casino_a.pk), "--recommender", "static")
    casino_a.refresh_from_db()
    assert casino_a.recommendation_schema == example_configuration["recommendation_schema"]
