"""Variables of the environment: the accepted values of each kind, and the errors for wrong ones."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from recsys_project.environment import Environment, parse_database_url


def environment(**variables):
    return Environment(variables)


def problems_of(env):
    with pytest.raises(ImproperlyConfigured) as error:
        env.check()
    return str(error.value).splitlines()


@pytest.mark.parametrize("variables", [{}, {"X": ""}, {"X": "  "}])
def test_unset_and_empty_variables_have_the_default(variables):
    env = environment(**variables)
    assert env.int("X", default=3) == 3
    assert env.bool("X", default=True) is True
    assert env.list("X", default=["a"]) == ["a"]
    assert env.database("X") is None
    assert env.folder("X", default=None) is None
    env.check()


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), ("on", True), ("0", False), ("FALSE", False)])
def test_flags(text, value):
    assert environment(X=text).bool("X", default=not value) is value


@pytest.mark.parametrize("text", ["ture", "2", "-1", "y e s"])
def test_flag_that_is_neither_on_nor_off_is_refused(text):
    env = environment(X=text)
    env.bool("X", default=False)
    assert problems_of(env) == [f"X is {text!r}; allowed is 1 or 0."]


@pytest.mark.parametrize("text", ["1_0", "+1", "1.0", "٣", "0x1", "-1", "6", "abc", "1 0", "9" * 400])
def test_whole_number_of_another_form_or_out_of_range_is_refused(text):
    env = environment(X=text)
    assert env.int("X", default=2, at_least=0, at_most=5) == 2
    assert problems_of(env) == [f"X is {text[:80]!r}; allowed is a whole number from 0 to 5."]


@pytest.mark.parametrize("text", ["nan", "inf", "1e3", "1_0.5", "-0.1", ".5", "5.1", "٣"])
def test_number_of_another_form_or_out_of_range_is_refused(text):
    env = environment(X=text)
    env.float("X", default=2, at_most=5)
    assert problems_of(env) == [f"X is {text!r}; allowed is a number from 0 to 5."]


def test_a_secret_is_used_as_it_is():
    secret = "first line \nsecond line\n"
    assert environment(X=secret).str("X", is_secret=True) == secret
    assert environment(X=" \n").str("X", is_secret=True, default="none") == "none"


def test_empty_items_of_a_list_are_left_out():
    assert environment(X="a,, b,").list("X", default=[]) == ["a", "b"]


def test_numbers_are_read():
    env = environment(X=" 0.25 ", Y="007")
    assert (env.float("X", default=1), env.int("Y", default=1)) == (0.25, 7)


@pytest.mark.parametrize("text", ["0", "0.00", "-1", "1.005", "NaN", "1e2", "99999999999"])
def test_amount_that_is_no_money_is_refused(text):
    env = environment(X=text)
    assert env.decimal("X", default="10.00") == Decimal("10.00")
    assert "X is" in problems_of(env)[0]


def test_choice_and_list():
    env = environment(X="b", Y="one, two", Z="1,two")
    assert env.choice("X", default="a", of=("a", "b")) == "b"
    assert env.list("Y", default=[]) == ["one", "two"]
    env.list("Z", default=[], pattern="[a-z]+")
    env.choice("Y", default="a", of=("a", "b"))
    assert problems_of(env) == [
        "Z is '1,two'; allowed is names, separated by commas.",
        "Y is 'one, two'; allowed is one of a, b.",
    ]


@pytest.mark.parametrize(
    "url", ["garbage", "mysql://h/db", "postgres://", "postgres://h", "postgres://h:port/db", "postgres://[h/db", "/db"]
)
def test_secret_value_that_is_wrong_is_not_shown(url):
    env = environment(X=url)
    assert env.database("X") is None
    [line] = problems_of(env)
    assert line.startswith("X has a wrong value (not shown: it may be secret); allowed is postgres://user:password@")
    assert url not in line.removesuffix(".") or url in "postgres://"


def test_socket_folder_in_a_url_is_decoded():
    found = parse_database_url("postgres://u:p%2F@%2Fvar%2Frun%2Fpostgresql/db?sslmode=require")
    assert (found["HOST"], found["PASSWORD"], found["NAME"]) == ("/var/run/postgresql", "p/", "db")
    assert found["OPTIONS"] == {"sslmode": "require"}


def test_every_variable_may_be_the_content_of_a_file(tmp_path):
    (tmp_path / "text").write_bytes(b" a secret\nof two lines\r\n")
    (tmp_path / "number").write_text("7\n")
    (tmp_path / "url").write_text("postgres://u:p@h/db\n")
    env = environment(X_FILE=str(tmp_path / "text"), Y_FILE=f" {tmp_path / 'number'}\n", A_FILE=str(tmp_path / "url"))
    assert env.str("X", is_secret=True) == " a secret\nof two lines"
    assert env.int("Y", default=1) == 7
    assert env.matching("([A-Z])") == {"X": "X", "Y": "Y", "A": "A"}
    found = env.database("A")
    assert found is not None
    assert found["PASSWORD"] == "p"
    env.require("X", because="it must be", allowed="anything")
    env.check()


def test_only_one_newline_at_the_end_of_a_file_is_dropped(tmp_path):
    (tmp_path / "x").write_text("secret\n\n")
    assert environment(X_FILE=str(tmp_path / "x")).str("X", is_secret=True) == "secret\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"", "an empty file: write the value of X into it"),
        (b" \n", "an empty file"),
        (b"secret\0", "it has a NUL byte"),
        (b"secret\xff", "it is not text in UTF-8"),
        (b"s" * 1_000_001, "it has more than 1000000 bytes"),
    ],
)
def test_file_that_cannot_be_used_is_reported_in_one_line_without_path_and_content(tmp_path, content, reason):
    path = tmp_path / "secret-name"
    if content is not None:
        path.write_bytes(content)
    env = environment(X_FILE=str(path))
    assert env.str("X", is_secret=True, default="none") == "none"
    env.require("X", because="it must be", allowed="anything")
    [line] = problems_of(env)
    assert line.startswith("X_FILE names ")
    assert reason in line
    assert "secret" not in line


def test_folder_instead_of_a_file_is_refused(tmp_path):
    env = environment(X_FILE=str(tmp_path))
    env.str("X")
    assert problems_of(env) == ["X_FILE names a file that can't be read: Is a directory."]


def test_variable_and_its_file_together_are_refused(tmp_path):
    (tmp_path / "x").write_text("one")
    env = environment(X="other", X_FILE=str(tmp_path / "x"))
    assert env.str("X", is_secret=True) == ""
    assert problems_of(env) == ["X and X_FILE are both set: unset one of them."]


@pytest.mark.parametrize("variables", [{"X": "one", "X_FILE": " "}, {"X": "one", "X_FILE": ""}])
def test_empty_name_of_a_file_counts_as_not_set(variables):
    assert environment(**variables).str("X") == "one"


def test_wrong_content_of_a_file_is_not_shown(tmp_path):
    (tmp_path / "x").write_text("hunter2")
    env = environment(X_FILE=str(tmp_path / "x"))
    env.int("X", default=1)
    assert problems_of(env) == [
        "X has a wrong value (not shown: it may be secret); allowed is a whole number from 0 to 2147483647."
    ]


def test_misspelled_name_of_a_file_is_reported(capsys):
    env = environment(SECRET_KEY_FIL="/x")
    env.str("SECRET_KEY")
    env.check()
    assert "do you mean SECRET_KEY_FILE?" in capsys.readouterr().err


def test_folder_that_cannot_be_created_is_refused(tmp_path):
    (tmp_path / "file").touch()
    env = environment(X=str(tmp_path / "file" / "below"), Y=str(tmp_path / "new"))
    assert env.folder("Y", default=None, is_created=True) == tmp_path / "new"
    assert (tmp_path / "new").is_dir()
    assert env.folder("X", default=Path("/default"), is_created=True) == Path("/default")
    assert "allowed is a folder that the service can create" in problems_of(env)[0]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("DATABSE_URL", "DATABASE_URL"), ("DATABASE_URI", "DATABASE_URL"), ("database_url", "DATABASE_URL"),
     ("CASINO_ROLE", "CASINO_ROLES"), ("PGDATA", None), ("HOME", None), ("DATABASE", None), ("URL", None)],
)  # fmt: skip
def test_misspelled_variable_is_reported_with_the_meant_one(name, meant, capsys):
    env = environment(**{name: "x"})
    env.database("DATABASE_URL")
    env.bool("CASINO_ROLES", default=False)
    env.check()
    error = capsys.readouterr().err
    assert error == (
        f"The variable {name} is not one of this service's: do you mean {meant}?\n" if meant is not None else ""
    )
