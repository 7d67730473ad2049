"""Store the time of an event's first message; null for events stored before."""

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0012_fitted_models")]

    operations = [
        migrations.AddField(
            model_name="event", name="stored_at", field=models.DateTimeField(editable=False, null=True)
        ),
        migrations.AlterField(
            model_name="event",
            name="stored_at",
            field=models.DateTimeField(db_default=Now(), editable=False, null=True),
        ),
    ]
