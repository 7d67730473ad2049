"""The results of experiments at their looks."""

from django.db import models

from tenants.orm.model import CasinoModel

from .served import MAX_NAME


class ExperimentLook(CasinoModel):
    """The comparison of a variant with the control at one time, by a metric, or by the quantity of a `guard`.

    `users` have entered the variant and `control_users` the control; in an interleaving they are the bets credited to
    each list. `estimate`, `low` and `high` are of this look alone, in the units of `statistics.looks.Looks`; infinite
    ends are not bounded. The interval that is valid at every look is the intersection of all intervals up to it
    (`stored_looks.looks_of`). `z` is significant beyond `bound`. `signal` is the control's mean in standard errors, for
    forecasts. `is_broken`: the guard's limit was exceeded at this look. For the guard `coins`, `users` and
    `control_users` are the hours of users that each list of an interleaving began, and `z` is the log of the evidence
    that its coins are unfair.
    """

    experiment = models.CharField(max_length=MAX_NAME)
    variant = models.CharField(max_length=MAX_NAME)
    metric = models.CharField(max_length=20)
    guard = models.CharField(max_length=20, blank=True, default="", db_default="")
    looked_at = models.DateTimeField()
    users = models.BigIntegerField()
    control_users = models.BigIntegerField()
    tau = models.FloatField()
    z = models.FloatField()
    bound = models.FloatField()
    estimate = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    signal = models.FloatField(default=0.0, db_default=0.0)
    is_broken = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "experiment_looks"
        constraints = [
            # also the index for an experiment's looks in order of time, and for the latest one
            models.UniqueConstraint(
                name="experiment_look_unique", fields=["experiment", "looked_at", "variant", "metric", "guard"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.experiment}: {self.variant} by {self.guard or self.metric} at {self.looked_at:%Y-%m-%d %H:%M}"
