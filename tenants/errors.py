"""What can go wrong between a request or a message and a casino's database."""

from django.db import OperationalError


class TenancyError(Exception):
    """Base of this app's errors."""


class NoCurrentCasino(TenancyError):
    """A casino's table was asked for while no casino was current."""


class CasinoMismatch(TenancyError):
    """An object of one casino was used while another casino was current."""


class UnclassifiedApp(TenancyError):
    """An app has models, and the settings don't say whether they are casinos' or the catalogue's."""


class CasinoNotUsable(TenancyError):
    """Base of what keeps a request from its casino."""


class CasinoIdMissing(CasinoNotUsable):
    """A request that needs a casino names none."""


class CasinoIdInvalid(CasinoNotUsable):
    """The casino that a request names is not an integer."""


class CasinoNotFound(CasinoNotUsable):
    """No casino has this id."""


class CasinoForbidden(CasinoNotUsable):
    """Whoever asks may not act for this casino, which need not exist."""


class CasinoSuspended(CasinoNotUsable):
    """The casino takes no requests until it is resumed."""


class CasinoUnavailable(CasinoNotUsable):
    """The casino exists, but does not take requests in its present state."""


class CasinoBehind(CasinoUnavailable):
    """The casino's database lacks migrations that the code needs."""


class RequestRejected(TenancyError):
    """Base of what the gate does not let through: beyond one of the casino's limits."""

    status = 429
    code = "rate_limited"
    retry_after: float | None = None  # seconds


class RateLimited(RequestRejected):
    """The casino has asked as often as it may for now."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("Too many requests; Retry-After says when to try again")
        self.retry_after = retry_after


class TooManyAtOnce(RateLimited):
    """A process is at work on as many of the casino's requests as it may be."""

    code = "too_many_at_once"


class RequestTooLarge(RequestRejected):
    """The request's body has more bytes than the casino may send."""

    status = 413
    code = "request_too_large"


class CasinoOutage(TenancyError, OperationalError):
    """Base of what passes: the casino's database can't be used now, and the same thing may work later."""


class NoFreeConnection(CasinoOutage):
    """Every connection that this process may open is in use."""


class DatabaseReadOnly(CasinoOutage):
    """The casino's database takes no writes, as while it moves to another server."""


class CasinoNotUpgraded(CasinoOutage):
    """The casino's database lacks migrations that the code needs, so that nothing may be stored there yet."""


class WrongDatabase(CasinoOutage):
    """The database that answers under the casino's name is not the casino's."""


class UnknownServer(TenancyError):
    """A database server that the environment says nothing of."""


class ServerRefused(TenancyError):
    """A database server can't be added or changed as asked; the message says what to do."""


class NoRoom(TenancyError):
    """No database server takes another casino."""


class LifecycleError(TenancyError):
    """Base of what keeps a casino from being created, copied, moved or deleted; the message says what to do."""


class WrongState(LifecycleError):
    """The casino is in a state from which this can't be done."""


class CasinoBusy(LifecycleError):
    """Something else is being done to this casino."""


class ProvisioningFailed(LifecycleError):
    """A casino's database could not be made; the casino's row says why."""


class CopyFailed(LifecycleError):
    """pg_dump or pg_restore gave up."""


class BackupInvalid(LifecycleError):
    """A backup is damaged, or not this casino's."""


class InvalidKey(TenancyError):
    """An API key that this can't be done with."""


class WorkersFailed(TenancyError):
    """No worker process can be started."""


class EmbeddedServerFailed(CasinoOutage):
    """The embedded PostgreSQL could not be started."""
