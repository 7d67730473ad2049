from django.urls import path

from .views import ChooseCasinoView

urlpatterns = [path("casino/", ChooseCasinoView.as_view(), name="choose_casino")]
