from django.contrib import admin
from django.urls import path

from .pages.casino import casino_page, chosen_casino
from .pages.configuration import configuration_page
from .pages.experiments import experiment_page, experiments_page
from .pages.exposure import exposure_page
from .pages.feeds import feeds_page
from .pages.overview import overview_page
from .pages.prices import prices_page
from .pages.sales import sales_page
from .pages.try_user import try_page

urlpatterns = [
    path("", admin.site.admin_view(overview_page), name="start"),
    path("casinos/chosen/", admin.site.admin_view(chosen_casino), name="chosen_casino"),
    path("casinos/<int:casino_id>/", admin.site.admin_view(casino_page), name="casino"),
    path("casinos/<int:casino_id>/sales/", admin.site.admin_view(sales_page), name="sales_page"),
    path("casinos/<int:casino_id>/experiments/", admin.site.admin_view(experiments_page), name="experiments_page"),
    path(
        "casinos/<int:casino_id>/experiments/<slug:name>/",
        admin.site.admin_view(experiment_page),
        name="experiment_page",
    ),
    path("casinos/<int:casino_id>/try/", admin.site.admin_view(try_page), name="try"),
    path("casinos/<int:casino_id>/prices/", admin.site.admin_view(prices_page), name="prices"),
    path("casinos/<int:casino_id>/feeds/", admin.site.admin_view(feeds_page), name="feeds"),
    path("casinos/<int:casino_id>/exposure/", admin.site.admin_view(exposure_page), name="exposure"),
    path("casinos/<int:casino_id>/configuration/", admin.site.admin_view(configuration_page), name="configuration"),
]
