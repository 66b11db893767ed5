"""Why a load does not begin."""

from workers.errors import PoolError


class LoadRefused(PoolError):
    """The load cannot begin: no broker answers, the topic is not there, or there is nothing to send."""
