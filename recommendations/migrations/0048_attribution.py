"""Attribute coupons to served recommendations.

A trigger notes the new coupons and answers for the job that attributes them: in the same transaction, and also those
that processes of the release before store.
"""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models
from django.db.models.functions import Now

from recommendations.models.amount import AmountField

# Of 500 rows at most, since a step of the job takes whole notes.
NOTE = """
CREATE FUNCTION note_due_attributions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO due_attributions (kind, ids)
    SELECT TG_ARGV[0], array_agg(id) FROM (SELECT id, (row_number() OVER () - 1) / 500 AS part FROM added) AS numbered
    GROUP BY part;
    RETURN NULL;
END $$;
CREATE TRIGGER purchased_coupons_note_attribution AFTER INSERT ON purchased_coupons
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION note_due_attributions('coupons');
CREATE TRIGGER served_recommendations_note_attribution AFTER INSERT ON served_recommendations
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION note_due_attributions('answers');
"""
DROP = """
DROP TRIGGER purchased_coupons_note_attribution ON purchased_coupons;
DROP TRIGGER served_recommendations_note_attribution ON served_recommendations;
DROP FUNCTION note_due_attributions();
"""

SUMS = ("answers", "empty", "refused", "withheld", "seen", "clicked", "bets")


def _id() -> tuple[str, Any]:
    return "id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


def _names() -> list[tuple[str, Any]]:
    short = ((name, models.CharField(blank=True, max_length=40)) for name in ("placement", "experiment", "variant"))
    return [("recommender", models.CharField(blank=True, max_length=100)), *short]


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0047_placements_and_experiments_of_answers")]

    operations = [
        migrations.CreateModel(
            name="DueAttribution",
            fields=[
                _id(),
                ("kind", models.CharField(max_length=20)),
                ("ids", ArrayField(models.BigIntegerField(), db_default=models.Value("{}"), default=list)),
                ("days", ArrayField(models.DateField(), db_default=models.Value("{}"), default=list)),
                ("recommendations", ArrayField(models.UUIDField(), db_default=models.Value("{}"), default=list)),
                ("added_at", models.DateTimeField(db_default=Now())),
            ],
            options={"db_table": "due_attributions"},
        ),
        migrations.CreateModel(
            name="Attribution",
            fields=[
                ("coupon_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("user_id", models.BigIntegerField()),
                ("day", models.DateField()),
                ("recommendation_id", models.UUIDField()),
                ("recommender", models.CharField(max_length=100)),
                *_names()[1:],
                ("shown", models.BooleanField()),
                ("stake", AmountField()),
                ("matched_stake", AmountField()),
                ("currency", models.CharField(blank=True, max_length=10)),
                ("selections", models.SmallIntegerField()),
                ("matched_selections", models.SmallIntegerField()),
                ("matched", ArrayField(models.BigIntegerField())),
                ("markets", ArrayField(models.TextField())),
                ("how", models.CharField(max_length=10)),
                ("credit_a", models.SmallIntegerField()),
                ("credit_b", models.SmallIntegerField()),
                ("seconds", models.FloatField()),
            ],
            options={
                "db_table": "attributions",
                "indexes": [
                    models.Index(fields=["user_id", "day"], name="attribution_user_day"),
                    models.Index(fields=["day"], name="attribution_day"),
                ],
            },
        ),
        migrations.CreateModel(
            name="UserDay",
            fields=[
                _id(),
                ("user_id", models.BigIntegerField()),
                ("day", models.DateField()),
                *_names(),
                *((name, models.IntegerField(default=0)) for name in (*SUMS, "withheld_bets", "credit_a", "credit_b")),
                *((name, AmountField(default=0)) for name in ("stake", "matched_stake")),
            ],
            options={
                "db_table": "user_days",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user_id", "day", "recommender", "placement", "experiment", "variant"),
                        name="user_day_unique",
                    ),
                ],
                "indexes": [models.Index(fields=["day"], include=("user_id",), name="user_day_day")],
            },
        ),
        migrations.CreateModel(
            name="RecommendationDay",
            fields=[
                _id(),
                ("day", models.DateField()),
                ("breakdown", models.CharField(max_length=12)),
                *_names(),
                ("currency", models.CharField(blank=True, max_length=10)),
                *(
                    (name, models.BigIntegerField())
                    for name in (*SUMS, "active", "reached", "bettors", "converted", "coupons")
                ),
                *((name, AmountField()) for name in ("stake", "matched_stake", "coupon_stake")),
            ],
            options={
                "db_table": "recommendation_days",
                "constraints": [
                    models.UniqueConstraint(
                        fields=(
                            "day",
                            "breakdown",
                            "recommender",
                            "placement",
                            "experiment",
                            "variant",
                            "currency",
                        ),
                        name="recommendation_day_unique",
                    ),
                ],
            },
        ),
        migrations.RunSQL(NOTE, DROP),
    ]
