from django.urls import path

from .schema_views import MessageSchemaView
from .views import CouponsView, CouponView, EventsView, EventView, ImpressionsView, OddsView, UsersView

urlpatterns = [
    path("events", EventsView.as_view(), name="ingest_events"),
    path("events/<path:event_id>", EventView.as_view(), name="remove_event"),
    path("users", UsersView.as_view(), name="ingest_users"),
    path("odds", OddsView.as_view(), name="ingest_odds"),
    path("impressions", ImpressionsView.as_view(), name="ingest_impressions"),
    path("coupons", CouponsView.as_view(), name="ingest_coupons"),
    path("coupons/<path:coupon_id>", CouponView.as_view(), name="remove_coupon"),
    path("api/schemas/<str:topic>.json", MessageSchemaView.as_view(), name="message_schema"),
]
