from django.db import migrations, models


class Migration(migrations.Migration):
    """Backwards, it fails while there are records of users whose ids are no numbers: dropping them would lose that the
    users were erased."""

    dependencies = [
        ("tenants", "0011_unassigned_dead_letters"),
    ]

    operations = [
        migrations.AlterField(
            model_name="privacyrecord",
            name="user_id",
            field=models.CharField(max_length=128),
        ),
    ]
