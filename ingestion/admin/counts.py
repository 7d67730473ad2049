"""The admin's tables of message counts and of the ledgers."""

from django.contrib import admin

from ingestion.models import MessageCount, PartitionOffset, Upload
from recommendations.admin.base_table import CasinoTableAdmin


@admin.register(MessageCount)
class MessageCountAdmin(CasinoTableAdmin):
    """The casino's messages by hour and outcome."""

    list_display = ("hour", "topic", "outcome", "kind", "count", "last_at", "last_detail")
    fields = ("topic", "hour", "outcome", "kind", "count", "last_at", "last_place", "last_detail")
    list_filter = ("is_rejection",)
    searched_texts = ("outcome", "topic")
    ordering = ("-hour", "topic", "outcome")
    date_hierarchy = "hour"

    @admin.display(ordering="is_rejection")
    def kind(self, count: MessageCount) -> str:
        """The kind in words: a tick for a rejection would look like a success."""
        return "rejected" if count.is_rejection else "accepted"


@admin.register(PartitionOffset)
class PartitionOffsetAdmin(CasinoTableAdmin):
    list_display = ("topic", "partition", "next_offset", "consumer_group", "cluster", "topic_id")
    ordering = ("topic", "partition", "id")


@admin.register(Upload)
class UploadAdmin(CasinoTableAdmin):
    list_display = ("received_at", "topic", "transport", "name", "next_offset")
    fields = ("received_at", "topic", "transport", "name", "digest", "next_offset", "outcomes")
    searched_texts = ("name",)
    ordering = ("-received_at", "id")

    @admin.display(ordering="door")
    def transport(self, upload: Upload) -> str:
        return upload.door
