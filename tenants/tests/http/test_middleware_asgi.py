import asyncio

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connections
from django.test import AsyncClient

from tenants.lifecycle.create import create_casino
from tenants.routing.context import find_current_casino
from tenants.tests.api_clients import bearing, make_key


def test_casino_of_an_api_key_is_entered_and_left(real_databases, settings):
    settings.RECSYS_OPEN_API = False
    casino = create_casino("Gamma")
    casino.recommender_type, casino.recommendation_schema = "static", {"user_id": {}}
    casino.save()
    headers = bearing(make_key(casino).text)

    async def ask():
        async with ThreadSensitiveContext():
            response = await AsyncClient().get("/config", headers=headers)
            await sync_to_async(connections.close_all)()
        return response.status_code, find_current_casino()

    assert asyncio.run(ask()) == (200, None)
