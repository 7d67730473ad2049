"""A typical migration of a release: a column and an index."""

from pkgutil import iter_modules

from django.db import migrations, models

from recommendations import migrations as own

LAST = max(module.name for module in iter_modules(own.__path__) if module.name[0].isdigit())


class Migration(migrations.Migration):
    dependencies = [("recommendations", LAST)]

    operations = [
        migrations.AddField("event", "venue", models.CharField(max_length=100, default="", db_default="")),
        migrations.AddIndex("event", models.Index(fields=["venue", "id"], name="event_venue")),
    ]
