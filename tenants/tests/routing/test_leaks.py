"""Many casinos at once, failing at random, with too few connections: no row of another casino is ever seen."""

import gc
from typing import Any

import pytest

from tenants.lifecycle.create import create_casino
from tenants.routing.connections import connection_metrics
from tenants.tests import traffic_views
from tenants.tests.exhaustive import scaled
from tenants.tests.traffic import fill, rows_in_the_wrong_place, send_traffic

REQUESTS, CASINOS = scaled(320, 960), 10  # requests: a multiple of the 16 workers


@pytest.fixture
def casinos(real_databases: None, settings: Any) -> list[Any]:
    settings.ROOT_URLCONF = traffic_views.__name__
    settings.CASINO_CONNECTIONS = 6
    made = [create_casino(f"Casino {number}") for number in range(CASINOS)]
    for casino in made:
        fill(casino)
    return made


@pytest.mark.no_cover
@pytest.mark.scaled
def test_no_request_sees_or_leaves_a_row_of_another_casino(casinos):
    before = connection_metrics()
    tally = send_traffic(casinos, REQUESTS)
    gc.collect()
    after = connection_metrics()
    assert (tally.foreign, tally.unexplained, rows_in_the_wrong_place(casinos)) == (0, {}, 0)
    assert tally.statuses.total() == REQUESTS
    assert tally.statuses[200] > REQUESTS / 2
    assert tally.statuses[500] > 0
    assert after.evicted - before.evicted > CASINOS
    assert tally.most_open <= 6
    assert after.in_use == 0
