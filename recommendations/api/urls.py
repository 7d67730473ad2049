from django.urls import path

from .views import ConfigView, PurchaseView, RecommendView

urlpatterns = [
    path("config", ConfigView.as_view(), name="config"),
    path("recommend/<str:user_id>", RecommendView.as_view(), name="recommend"),
    path("purchase/<str:user_id>", PurchaseView.as_view(), name="purchase"),
]
