"""Set a fill factor for profiles, which each coupon updates: an update within its page (HOT) touches no index."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0006_offer_version_only_for_changes")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE users_profile SET (fillfactor = 70)", "ALTER TABLE users_profile RESET (fillfactor)"
        )
    ]
