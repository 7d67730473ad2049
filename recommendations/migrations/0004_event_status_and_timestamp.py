"""Events have a status (open, suspended, cancelled, settled) and the timestamp of their message."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0003_settable_currencies_and_genders")]

    operations = [
        migrations.AddField(
            model_name="event",
            name="status",
            field=models.CharField(
                choices=[
                    ("OPEN", "Open"),
                    ("SUSPENDED", "Suspended"),
                    ("CANCELLED", "Cancelled"),
                    ("SETTLED", "Settled"),
                ],
                db_default="OPEN",
                default="OPEN",
                max_length=10,
            ),
        ),
        migrations.AddField(model_name="event", name="timestamp", field=models.DateTimeField(null=True)),
    ]
