"""Tables and connections: what is kept on disk, and who may change it.

`migrate` makes a store or brings it up to date (Alembic); `engine` gives connections
(SQLAlchemy Core over aiosqlite); `StoreOwner` and `OwnerClient` are the two ends of the rule that
one process changes a store and others ask it to. Number lists, strangers and phones have their
tables here; the ledger writes and reads its own table through connections of its own.
This layer must not know what rows mean: no calls, policies or consents. RFCs: none.
"""

from .engine import engine
from .errors import NoOwner, RequestError, StoreError, StoreOwnedError
from .location import lock_path, socket_path, sqlite_path
from .migration import migrate
from .number_lists import ListVersion, NumberListStore
from .owner import Handler, StoreOwner
from .owner_client import OwnerClient
from .registrations import Registration, RegistrationStore
from .strangers import Stranger, StrangerStore
from .tables import metadata

__all__ = [
    "Handler",
    "ListVersion",
    "NoOwner",
    "NumberListStore",
    "OwnerClient",
    "Registration",
    "RegistrationStore",
    "RequestError",
    "StoreError",
    "StoreOwnedError",
    "StoreOwner",
    "Stranger",
    "StrangerStore",
    "engine",
    "lock_path",
    "metadata",
    "migrate",
    "socket_path",
    "sqlite_path",
]
