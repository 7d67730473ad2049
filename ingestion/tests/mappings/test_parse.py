"""A mapping's file is checked. Each error has the line and column, and the allowed values."""

import pytest

from ingestion.tests.mappings.mapping_of import mapping_of, problems_of

FIELDS = "fields: {id: x}\n"


def test_all_mistakes_are_reported_at_once():
    found = problems_of(
        """\
        messages: events
        source: jsn
        each: a..b
        fields:
          hom_team: x
          league: {from: x, then: [lowr]}
          id: {form: x}
          odd: {from: "[", default: 1}
        """
    )
    assert [problem.partition("? Allowed")[0] for problem in found] == [
        "m.yaml:2:9: source has no 'jsn'; did you mean json",
        "m.yaml:3:7: '..' is not allowed: name the whole path",
        "m.yaml:5:3: a message has no 'hom_team'; did you mean home_team",
        "m.yaml:6:28: then has no 'lowr'; did you mean lower",
        "m.yaml:7:8: id has no 'form'; did you mean from",
        "m.yaml:8:15: '[' is no JSONPath: unexpected end of query",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "m.yaml:1:1: a mapping must be an object with about, messages"),
        ("messages: events\n", "m.yaml:1:1: a mapping needs fields"),
        ("fields: {}\n", "m.yaml:1:1: a mapping needs messages"),
        ("mesages: events\n", "m.yaml:1:1: a mapping has no 'mesages'; did you mean messages?"),
        ("messages: event\n" + FIELDS, "m.yaml:1:11: messages has no 'event'; did you mean events?"),
        ("messages: recommendations\n" + FIELDS, "m.yaml:1:11: messages has no 'recommendations'; Allowed: events,"),
        ("messages: events\nfields: {}\n", "m.yaml:2:9: fields is an object with some of begin_timestamp"),
        ("messages: events\nfields: x\n", "m.yaml:2:9: fields is an object"),
        ("messages: events\nfields: {id: 5}\n", "m.yaml:2:14: id must be an object with value, from"),
        ("messages: events\nfields: {id: {}}\n", "m.yaml:2:14: id needs one of value, from, document, all"),
        ("messages: events\nfields: {id: {value: 1, from: x}}\n", "m.yaml:2:14: id needs one of value, from"),
        ("messages: events\nfields: {id: {value: 1, then: lower}}\n", "m.yaml:2:14: id is a constant"),
        ("messages: events\nfields: {id: {value: {}}}\n", "m.yaml:2:22: value must be text, a number"),
        ("messages: events\nfields: {id: {value: null}}\n", "m.yaml:2:22: value is text, a number"),
        ("messages: events\nfields: {id: []}\n", "m.yaml:2:14: is a path, or a list of 1 to 10 paths"),
        ("messages: events\nfields: {id: {from: [[x]]}}\n", "m.yaml:2:22: a path must be text"),
        ("messages: events\nfields: {surname: x}\n", "m.yaml:2:10: a message has no 'surname'"),
        ("messages: events\neach: []\n" + FIELDS, "m.yaml:2:7: each is a path, or a list of paths"),
        ("messages: events\nsource: {json: {}}\n" + FIELDS, "m.yaml:2:16: json has no options"),
        ("messages: events\nsource: {csv: {delimiter: ab}}\n" + FIELDS, "m.yaml:2:27: delimiter must be text"),
        ("messages: events\nsource: {csv: {delimiter: '\"'}}\n" + FIELDS, "m.yaml:2:27: delimiter is one character"),
        ("messages: events\nsource: {csv: {encoding: utf8}}\n" + FIELDS, "m.yaml:2:26: encoding has no 'utf8'"),
        ("messages: events\nsource: {xml: {list: a}}\n" + FIELDS, "m.yaml:2:16: xml has no 'list'"),
        ("messages: events\nsource: {xml: {}, csv: {}}\n" + FIELDS, "m.yaml:2:9: source is one of json, xml, csv"),
        ("messages: events\nremove: {when: op, is: d}\n" + FIELDS, "m.yaml:2:9: remove needs when (a path)"),
        ("messages: events\nremove: {when: op, is: [], id: x}\n" + FIELDS, "m.yaml:2:24: is has 1 to 20 words"),
        ("messages: coupons\nfields: {recommended_events: x}\n", "m.yaml:2:30: recommended_events must be"),
        (
            "messages: coupons\nfields: {recommended_events: {each: x, fields: {hom_team: x}}}\n",
            "m.yaml:2:49: a message has no 'hom_team'; did you mean home_team?",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_its_place_and_what_is_allowed(text, problem):
    [found] = problems_of(text)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    "field", ["id", "status", "birth_date", "birth_year", "stake_limit", "limit_left", "status_until"]
)
def test_what_a_feed_leaves_out_is_never_made_up(field):
    [found] = problems_of(f"messages: users\nfields: {{{field}: {{from: x, default: x}}}}\n")
    assert f"{field} has no default: a field that a feed leaves out must not open anything" in found


def test_the_only_default_of_an_odd_is_no_price():
    mapping_of("messages: events\nfields: {odd: {from: x, default: null}}\n")
    [found] = problems_of("messages: events\nfields: {odd: {from: x, default: 2}}\n")
    assert found.startswith("m.yaml:2:25: odd has no default but null, for no price")
    [found] = problems_of("messages: events\nfields: {league: {from: x, default: null}}\n")
    assert found.startswith("m.yaml:2:37: default is text, a number, true or false")


def test_an_unknown_word_for_a_status_is_never_opened_by_a_star():
    [found] = problems_of("messages: events\nfields: {status: {from: x, then: {words: {'*': open}}}}\n")
    assert "'*' is not allowed in its words" in found
    mapping_of("messages: events\nfields: {sport: {from: x, then: {words: {'*': OTHER}}}}\n")


MARKETS = "messages: odds\nfields: {markets: %s}\n"
LIST_PROBLEMS = [
    ("x", "m.yaml:2:19: markets must be an object with each, fields, default"),
    ("[]", "m.yaml:2:19: markets is a part with each and fields, or a list of 1 to 50 parts"),
    ("{each: x}", "m.yaml:2:19: markets needs each, the path of its items, and fields"),
    ("{each: [], fields: {market: x}}", "m.yaml:2:26: each is a path, or a list of 1 to 10 paths"),
    ("{default: [1], fields: {market: x}}", "m.yaml:2:29: markets: the only default of a list is [], of markets"),
    ("{fields: {markt: x}}", "m.yaml:2:29: a message has no 'markt'; did you mean market?"),
    ("{fields: {outcomes: {fields: {odds: x}}}}", "m.yaml:2:49: a message has no 'odds'; did you mean odd?"),
    ("{fields: {outcomes: {default: [], fields: {odd: x}}}}", "m.yaml:2:49: outcomes: the only default of a list"),
    ("{fields: {market: {from: x, default: y}}}", "m.yaml:2:47: market has no default"),
    ("{fields: {line: {from: x, default: 0}}}", "m.yaml:2:45: line has no default"),
    ("{fields: {status: {from: x, default: open}}}", "m.yaml:2:47: status has no default"),
    ("{fields: {status: {from: x, default: perhaps}}}", "m.yaml:2:47: status has no default"),
    ("{fields: {status: {from: x, then: {words: {'*': closed}}}}}", "m.yaml:2:37: status: '*' is not allowed"),
    (
        "{fields: {market: {from: x, optional: y}}}",
        "m.yaml:2:47: optional (paths that need not have a value) needs all",
    ),
    ("{fields: {market: {all: x, optional: []}}}", "m.yaml:2:56: is a path, or a list of 1 to 10 paths"),
    ("{fields: {market: {from: x, then: {starting_with: []}}}}", "m.yaml:2:69: starting_with is a text, or a list"),
    ("{fields: {market: {from: x, then: {codes: {}}}}}", "m.yaml:2:61: codes is a table of 1 to 1000 words"),
]


@pytest.mark.parametrize(("markets", "problem"), LIST_PROBLEMS)
def test_a_mistake_in_a_list_is_reported_with_its_place(markets, problem):
    [found] = problems_of(MARKETS % markets)
    assert found.startswith(problem)


def test_all_mistakes_in_the_parts_of_a_list_are_reported_at_once():
    parts = "[{fields: {markt: x}}, {fields: {outcomes: [{fields: {od: x}}, {each: '..', fields: {odd: x}}]}}]"
    assert [problem.split(" ")[0] for problem in problems_of(MARKETS % parts)] == [
        "m.yaml:2:30:", "m.yaml:2:73:", "m.yaml:2:89:",
    ]  # fmt: skip


def test_a_status_of_a_market_may_have_a_default_that_closes():
    for name in ("closed", "suspended", "settled"):
        mapping_of(MARKETS % f"{{fields: {{status: {{from: x, default: {name}}}}}}}")
    [found] = problems_of("messages: events\nfields: {status: {from: x, default: closed}}\n")
    assert "status has no default" in found


def test_what_can_not_be_read_of_a_heartbeat_has_no_default():
    [found] = problems_of("messages: odds\nfields: {heartbeat: {fields: {complete: {from: x, default: true}}}}\n")
    assert "complete has no default" in found


def test_rows_of_csv_have_no_document_and_none_is_ignored():
    found = problems_of(
        "messages: odds\nsource: csv\nignore: x\nfields: {markets: {fields: {market: {document: x}}}}\n"
    )
    assert [problem.partition(": ")[2] for problem in found] == [
        "csv has no ignore: each row is an item",
        "market: csv has no document beside its rows: use from",
    ]
