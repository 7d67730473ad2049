"""An event may be stored whose end and odd no message told, and one-sided events: outrights, races."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models
from django.db.models import Q

# The release before knows no event without an odd: it must not recommend one.
CLOSE_WITHOUT_ODD = "UPDATE events SET odd = 1.001, status = 'SUSPENDED' WHERE odd IS NULL"


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0039_users_of_few_fields")]

    operations = [
        migrations.AlterField("event", "country", models.CharField(blank=True, max_length=100)),
        migrations.AlterField("event", "league", models.CharField(blank=True, max_length=100)),
        migrations.AlterField("event", "away_team", models.CharField(blank=True, max_length=100)),
        migrations.AddField("event", "end_is_estimated", models.BooleanField(db_default=False, default=False)),
        migrations.AddField("event", "participants", ArrayField(models.CharField(max_length=100), null=True)),
        migrations.RunSQL(migrations.RunSQL.noop, CLOSE_WITHOUT_ODD),
        migrations.AlterField("event", "odd", models.DecimalField(decimal_places=3, max_digits=9, null=True)),
        migrations.AddConstraint(
            "event",
            models.CheckConstraint(
                name="event_without_odd_is_withheld", condition=Q(odd__isnull=False) | Q(is_withheld=True)
            ),
        ),
    ]
