"""JSON of long lists, encoded item by item."""

import pytest
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder

from recommendations.api.renderers import PiecewiseJSONRenderer
from recommendations.api.views import RecommendManyView

ITEM = {"a": 'ü"\u2028', "b": [1.5, None, True], "c": {}}


@pytest.mark.parametrize(
    "answer",
    [
        {"recommendations": [ITEM] * 30, 'unknown "users"': [7], "ü": "x"},
        {"a": list(range(50)), "b": [[ITEM]] * 11},
        {"a": [ITEM] * 3},
        [ITEM] * 30,
        ITEM,
        {},
        None,
    ],
)
@pytest.mark.parametrize("media_type", ["application/json", "application/json; indent=2"])
def test_json_is_the_same_as_in_one_piece(answer, media_type):
    assert PiecewiseJSONRenderer().render(answer, media_type, {}) == JSONRenderer().render(answer, media_type, {})


def test_no_call_of_the_encoder_gets_a_whole_long_list():
    sizes = []

    class MeasuredEncoder(JSONEncoder):
        def encode(self, o):
            text = super().encode(o)
            sizes.append(len(text))
            return text

    class Measured(PiecewiseJSONRenderer):
        encoder_class = MeasuredEncoder

    Measured().render({"recommendations": [ITEM] * 500})
    assert max(sizes) < 200


def test_batches_are_encoded_item_by_item():
    [renderer, *_] = RecommendManyView().get_renderers()
    assert isinstance(renderer, PiecewiseJSONRenderer)
