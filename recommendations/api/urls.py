from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from .config_views import ConfigView, OptionsSchemaView
from .experiment_views import (
    DefinitionSchemaView,
    ExperimentReportView,
    ExperimentsView,
    ExperimentView,
    GrowExperimentView,
    StartExperimentView,
    StopExperimentView,
)
from .list_views import NextView, PopularView, SessionView, SimilarView
from .sales_views import SalesView
from .user_views import UserExportView, UserView
from .views import PurchaseView, RecommendManyView, RecommendView

# An id may contain slashes: `path` matches them.
urlpatterns = [
    path("recommend/session", SessionView.as_view(), name="recommend_session"),
    path("recommend/<path:user_id>/next", NextView.as_view(), name="recommend_next"),
    path("recommend/<path:user_id>", RecommendView.as_view(), name="recommend"),  # early: by far the most frequent
    path("recommend", RecommendManyView.as_view(), name="recommend_many"),
    path("events/<path:event_id>/similar", SimilarView.as_view(), name="similar_events"),
    path("popular", PopularView.as_view(), name="popular_events"),
    path("config", ConfigView.as_view(), name="config"),
    path("config/options.schema.json", OptionsSchemaView.as_view(), name="options_schema"),
    path("experiments", ExperimentsView.as_view(), name="experiments"),
    path("experiments/definition.schema.json", DefinitionSchemaView.as_view(), name="experiment_schema"),
    path("experiments/<slug:name>", ExperimentView.as_view(), name="experiment"),
    path("experiments/<slug:name>/report", ExperimentReportView.as_view(), name="experiment_report"),
    path("experiments/<slug:name>/start", StartExperimentView.as_view(), name="start_experiment"),
    path("experiments/<slug:name>/stop", StopExperimentView.as_view(), name="stop_experiment"),
    path("experiments/<slug:name>/grow", GrowExperimentView.as_view(), name="grow_experiment"),
    path("sales", SalesView.as_view(), name="sales"),
    path("purchase/<path:user_id>", PurchaseView.as_view(), name="purchase"),
    path("users/<path:user_id>/export", UserExportView.as_view(), name="user_export"),
    path("users/<path:user_id>", UserView.as_view(), name="user"),
    path("api/schema/", SpectacularJSONAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(), name="swagger"),
]
