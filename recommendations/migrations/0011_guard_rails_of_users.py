"""Users have a status (self-excluded, time-out, closed) and limits."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0010_served_recommendations")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="status",
            field=models.CharField(
                choices=[
                    ("ACTIVE", "Active"),
                    ("SELF_EXCLUDED", "Self Excluded"),
                    ("TIME_OUT", "Time Out"),
                    ("CLOSED", "Closed"),
                ],
                db_default="ACTIVE",
                default="ACTIVE",
                max_length=20,
            ),
        ),
        migrations.AddField(model_name="user", name="status_until", field=models.DateTimeField(blank=True, null=True)),
        migrations.AddField(model_name="user", name="birth_date", field=models.DateField(blank=True, null=True)),
        migrations.AddField(
            model_name="user",
            name="stake_limit",
            field=models.DecimalField(blank=True, decimal_places=2, max_digits=14, null=True),
        ),
        migrations.AddField(
            model_name="user",
            name="limit_left",
            field=models.DecimalField(blank=True, decimal_places=2, max_digits=14, null=True),
        ),
    ]
