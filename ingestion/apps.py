"""The app that stores Kafka's messages and publishes served recommendations."""

from importlib import import_module
from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from recommendations.serving.options import Options


class IngestionConfig(AppConfig):
    name = "ingestion"

    def ready(self) -> None:
        from recommendations.serving.options import add_check
        from recommendations.serving.recommendation import recommendation_served
        from recommendations.storing.rows_of_users import ROWS_OF_USERS, RowsOfUsers
        from tenants.lifecycle.doctor.installation import INSTALLATION_SYMPTOMS

        from .dead_letters.export import count_bytes, export_dead_letters
        from .dead_letters.users import erase_dead_letters
        from .kafka.settings_check import check_settings
        from .producers.publisher import publisher
        from .status.doctor import full_dead_letters, lost_messages, parked_messages, unread_topics

        import_module("ingestion.checks")  # registers the system checks
        check_settings()
        INSTALLATION_SYMPTOMS.extend((parked_messages, lost_messages, full_dead_letters, unread_topics))
        ROWS_OF_USERS["dead_letters"] = RowsOfUsers(erase_dead_letters, export_dead_letters, count_bytes)
        recommendation_served.connect(publisher.publish)
        add_check(_check_mappings)


def _check_mappings(options: "Options") -> None:
    from recommendations.serving.options import NO_MAPPINGS

    if options.mapping != NO_MAPPINGS:  # most commands don't need the readers of YAML, XML and paths
        from .mappings.options import check_mappings

        check_mappings(options)
