"""The theme's admin classes, typed as Django's, which they extend."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # django-unfold has no types
    from django.contrib.admin import ModelAdmin, TabularInline
else:
    from unfold.admin import ModelAdmin, TabularInline

__all__ = ["ModelAdmin", "TabularInline"]
