"""`manage.py experiment`: a casino's experiments on the command line."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from recommendations.tests.experiments.definitions import ab
from tenants.models import Experiment


@pytest.fixture
def casino(caller_a, casino_a, casino_b):
    caller_a.configure("static")
    return casino_a


def run(*arguments):
    out = StringIO()
    call_command("experiment", *map(str, arguments), stdout=out)
    return out.getvalue()


def draft(folder, casino, definition):
    path = folder / "definition.json"
    path.write_text(json.dumps(definition))
    return run("create", path, "--casino", casino.pk)


def test_an_experiment_is_created_started_grown_and_stopped(casino, casino_b, tmp_path):
    output = draft(tmp_path, casino, ab(traffic=0.25))
    assert "Variants: control 50.00%, soon 50.00%" in output
    assert f"manage.py experiment start trees --casino {casino.pk}" in output
    assert "running  25.00%" in run("start", "trees", "--casino", casino.pk)
    assert "running  50.00%" in run("grow", "trees", "--traffic", 0.5, "--casino", casino.pk)
    assert "trees  ab    running  50.00%" in run("list", "--casino", casino.pk)
    assert run("list", "--casino", casino_b.pk) == "No experiments found.\n"
    assert "stopped" in run("stop", "trees", "--casino", casino.pk)
    found = json.loads(run("show", "trees", "--casino", casino.pk, "--json"))
    assert (found["state"], found["definition"]["traffic"]) == ("stopped", 0.5)
    assert found["started_by"].startswith("command line")
    assert Experiment.objects.get().stopped_by.startswith("command line")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is not valid JSON"),
        ('{"name": "a", "name": "b"}', "occurs twice"),
        ('{"name": "trees"}', "missing required field"),
    ],
)
def test_a_file_is_refused_that_is_no_definition(casino, tmp_path, text, problem):
    path = tmp_path / "definition.json"
    path.write_text(text)
    with pytest.raises(CommandError, match=problem):
        run("create", path, "--casino", casino.pk)


def test_unknown_experiments_casinos_and_files_are_reported(casino):
    with pytest.raises(CommandError, match=r"\(casino 1\) has no experiment named trees"):
        run("start", "trees", "--casino", casino.pk)
    with pytest.raises(CommandError, match="No casino with a complete database has the id 77"):
        run("list", "--casino", 77)
    with pytest.raises(CommandError, match="No such file"):
        run("create", "nowhere.json", "--casino", casino.pk)


def test_a_report_says_what_it_can_and_what_it_cant(casino, tmp_path):
    draft(tmp_path, casino, ab())
    run("start", "trees", "--casino", casino.pk)
    output = run("report", "trees", "--casino", casino.pk)
    assert "trees, running, day 1, by bet_days. Users: control 0, soon 0." in output
    assert "some weeks of coupons" in output
    found = json.loads(run("report", "trees", "--casino", casino.pk, "--json"))
    assert [(each["variant"], each["verdict"]) for each in found["variants"]] == [("soon", "undecided")]


def test_a_look_is_stored_and_the_report_tells_of_the_guards(casino, tmp_path):
    draft(tmp_path, casino, ab(second_metric="turnover"))
    run("start", "trees", "--casino", casino.pk)
    assert "Looked at trees (casino 1)." in run("look", "trees", "--casino", casino.pk)
    output = run("report", "trees", "--casino", casino.pk)
    assert "Guard stakes of `soon`: unknown." in output
    found = json.loads(run("report", "trees", "--casino", casino.pk, "--json"))
    assert [each["guard"] for each in found["guards"]] == ["stakes", "bet_days", "empty", "refused", "latency"]


def test_a_draft_has_no_report(casino, tmp_path):
    draft(tmp_path, casino, ab())
    with pytest.raises(CommandError, match="a report is available once it has begun"):
        run("report", "trees", "--casino", casino.pk)
