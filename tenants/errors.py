"""What can go wrong between a request or a message and a casino's database."""


class TenancyError(Exception):
    """Base of this app's errors."""


class NoCurrentCasino(TenancyError):
    """A casino's table was asked for while no casino was current."""


class CasinoMismatch(TenancyError):
    """An object of one casino was used while another casino was current."""


class CasinoNotUsable(TenancyError):
    """Base of what keeps a request from its casino."""


class CasinoIdMissing(CasinoNotUsable):
    """A request that needs a casino names none."""


class CasinoIdInvalid(CasinoNotUsable):
    """The casino that a request names is not an integer."""


class CasinoNotFound(CasinoNotUsable):
    """No casino has this id."""


class CasinoUnavailable(CasinoNotUsable):
    """The casino exists, but does not take requests in its present state."""


class ProvisioningFailed(TenancyError):
    """A casino's database could not be made; the casino's row says why."""


class EmbeddedServerFailed(TenancyError):
    """The embedded PostgreSQL could not be started."""
