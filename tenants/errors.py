"""Errors of finding, using and changing casinos and their databases."""

from django.db import OperationalError


class TenancyError(Exception):
    """Base of this app's errors."""


class NoCurrentCasino(TenancyError):
    """A casino's table was used while no casino was current."""


class CasinoMismatch(TenancyError):
    """An object of one casino was used while another casino was current."""


class UnclassifiedApp(TenancyError):
    """An app with models is in neither CASINO_APPS nor CATALOGUE_APPS."""


class CasinoNotUsable(TenancyError):
    """Base: the request's casino can't be used."""


class CasinoIdMissing(CasinoNotUsable):
    """The request has no casino id."""


class CasinoIdInvalid(CasinoNotUsable):
    """The request's casino id is not an integer."""


class CasinoNotFound(CasinoNotUsable):
    """No casino has this id."""


class CasinoForbidden(CasinoNotUsable):
    """The caller may not use this casino. The casino need not exist."""


class CasinoSuspended(CasinoNotUsable):
    """The casino takes no requests until it is resumed."""


class CasinoUnavailable(CasinoNotUsable):
    """The casino exists, but its state allows no requests."""


class CasinoBehind(CasinoUnavailable):
    """The casino's database lacks migrations of the code."""


class RequestRejected(TenancyError):
    """Base: the request exceeds a limit."""

    status = 429
    code = "rate_limited"
    retry_after: float | None = None  # seconds


class RateLimited(RequestRejected):
    """The casino exceeded its rate limit."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("Too many requests; Retry-After says when to try again")
        self.retry_after = retry_after


class TooManyAtOnce(RateLimited):
    """A process already handles the most concurrent requests allowed for the casino."""

    code = "too_many_at_once"


class LoginsLimited(RateLimited):
    """The login name, or the address, had too many wrong passwords."""

    code = "logins_limited"


class ServerBusy(RequestRejected):
    """All threads of the process are in use, and none became free in time."""

    status = 503
    code = "server_busy"
    retry_after = 1.0

    def __init__(self) -> None:
        super().__init__("The server is busy; Retry-After says when to try again")


class RequestTooLarge(RequestRejected):
    """The request's body exceeds the casino's limit."""

    status = 413
    code = "request_too_large"


class CasinoOutage(TenancyError, OperationalError):
    """Base of temporary errors: the casino's database can't be used now; a retry may succeed."""


class NoFreeConnection(CasinoOutage):
    """The connection pool is exhausted."""


class NoAnswer(CasinoOutage):
    """A database gave no answer in time."""


class ServerSilent(NoAnswer):
    """A database server does not answer new connections either; for some seconds the service opens none."""


class TooManyStalled(CasinoOutage):
    """The highest allowed number of statements already waits for a slow database."""


class DatabaseReadOnly(CasinoOutage):
    """The casino's database is read-only, as while it moves to another server."""


class CasinoNotUpgraded(CasinoOutage):
    """The casino's database lacks migrations of the code, so that nothing can be stored yet."""


class WrongDatabase(CasinoOutage):
    """The database with the casino's name does not have the casino's identity."""


class UnknownServer(TenancyError):
    """A database server without an address in the environment."""


class ServerRefused(TenancyError):
    """A database server can't be added or changed; the message has the reason."""


class NoRoom(TenancyError):
    """No database server has room for another casino."""


class LifecycleError(TenancyError):
    """Base: a casino can't be created, copied, moved or deleted; the message says what to do."""


class WrongState(LifecycleError):
    """The casino's state does not allow the operation."""


class CasinoBusy(LifecycleError):
    """Another process holds the casino's lock."""


class DirectConnectionRequired(LifecycleError):
    """A lock was requested through a connection pooler, which would not hold it."""


class ProvisioningFailed(LifecycleError):
    """Creating a casino's database failed; the casino's `state_detail` has the reason."""


class CopyFailed(LifecycleError):
    """pg_dump or pg_restore failed, or a dump can't be written."""


class BackupInvalid(LifecycleError):
    """A backup is damaged, or not this casino's."""


class InstallationInUse(LifecycleError):
    """A whole installation can't be restored: the catalogue has casinos or logins already."""


class InvalidKey(TenancyError):
    """The API key's state does not allow the operation."""


class WorkersFailed(TenancyError):
    """No worker process starts."""


class EmbeddedServerFailed(CasinoOutage):
    """The embedded PostgreSQL does not start."""
