"""Constraints of casinos: unique identities, databases, and names of casinos that are not deleted."""

import uuid

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_placement")]

    operations = [
        migrations.AlterField("casino", "identity", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
        migrations.AlterField("casino", "db_name", models.CharField(editable=False, max_length=63, null=True)),
        migrations.AlterField("casino", "name", models.CharField(max_length=100)),
        migrations.RemoveConstraint("casino", "casino_active_has_database"),
        migrations.AddConstraint(
            "casino",
            models.CheckConstraint(
                condition=~Q(state__in=("active", "suspended", "moving"))
                | Q(db_name__isnull=False, server__isnull=False),
                name="casino_ready_has_database",
            ),
        ),
        migrations.AddConstraint(
            "casino",
            models.UniqueConstraint(fields=["name"], condition=~Q(state="deleted"), name="casino_name_unique"),
        ),
        migrations.AddConstraint(
            "casino", models.UniqueConstraint(fields=["server", "db_name"], name="casino_database_unique")
        ),
    ]
