"""A mapping's text becomes a tree with the place of each value; hostile YAML is refused."""

from decimal import Decimal

import pytest

from ingestion.mappings.errors import InvalidMapping
from ingestion.mappings.tree import Node, read_json, read_yaml


def plain(node: Node):
    if isinstance(node.value, dict):
        return {name: plain(each) for name, each in node.value.items()}
    return [plain(each) for each in node.value] if isinstance(node.value, list) else node.value


def problem_of(text: str) -> str:
    with pytest.raises(InvalidMapping) as caught:
        read_yaml(text, "m.yaml")
    return str(caught.value)


def test_plain_words_numbers_and_times_mean_what_json_means_by_them():
    text = 'a: no\nb: 12:30\nc: off\nd: 007\ne: 2.50\nf: -7\ng: true\nh: ~\ni: "7"\nj: 2026-01-01\nk: 1e3'
    assert plain(read_yaml(text, "m.yaml")) == {
        "a": "no", "b": "12:30", "c": "off", "d": "007", "e": Decimal("2.50"), "f": -7, "g": True, "h": None, "i": "7",
        "j": "2026-01-01", "k": "1e3",
    }  # fmt: skip


def test_each_value_and_name_has_its_line_and_column():
    tree = read_yaml("a: 1\nb:\n  - x\n  - {c: 2}\n", "m.yaml")
    assert isinstance(tree.value, dict)
    inner = tree.value["b"].value
    assert isinstance(inner, list)
    assert [each.place for each in inner] == ["m.yaml:3:5", "m.yaml:4:5"]
    assert isinstance(inner[1].value, dict)
    assert (inner[1].value["c"].place, inner[1].value["c"].key_place) == ("m.yaml:4:9", "m.yaml:4:6")


def test_json_is_yaml_and_a_decoded_object_has_its_paths_as_places():
    assert plain(read_yaml('{"a": ["x", 1.5, null]}', "m.json")) == {"a": ["x", Decimal("1.5"), None]}
    tree = read_json({"a": ["x", {"b": 1.5}]}, "mapping.events")
    assert plain(tree) == {"a": ["x", {"b": Decimal("1.5")}]}
    assert tree.value["a"].value[1].value["b"].place == "mapping.events.a[1].b"  # type: ignore[call-overload, index, union-attr]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &x 1\nb: *x", "m.yaml:1:4: anchors and aliases (& and *) are not allowed"),
        ("b: *x", "m.yaml:1:4: anchors"),
        ("a: !!python/object/apply:os.system [x]", "m.yaml:1:4: tags (!) are not allowed"),
        ("a: 1\n\na: 2", "m.yaml:3:1: 'a' occurs twice"),
        ("a: [1", "m.yaml:1:6: is no YAML"),
        ("a: 1\n b: 2", "m.yaml:2:3: is no YAML"),
        ("", "m.yaml:1:1: the mapping is empty"),
        ("a: 1\n---\nb: 2", "m.yaml:2:1: a mapping is one YAML document"),
        ("[a]: 1", "m.yaml:1:1: a name must be text"),
        ("a: \x00", "m.yaml: is no YAML: unacceptable character"),
        ("[" * 50, "m.yaml:1:22: is nested deeper than 20 levels"),
    ],
)
def test_other_yaml_is_refused_with_its_place(text, problem):
    assert problem_of(text).startswith(problem)


def test_a_bomb_of_anchors_is_refused_at_once():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert problem_of("\n".join(lines)).startswith("m.yaml:1:5: anchors")


def test_a_huge_text_and_a_deep_object_are_refused():
    assert "at most 65536 bytes" in problem_of("a: " + "x" * 70_000)
    deep = value = {}  # type: ignore[var-annotated]
    for _ in range(30):
        value["a"] = value = {}
    with pytest.raises(InvalidMapping, match="nested deeper"):
        read_json(deep, "mapping.events")
