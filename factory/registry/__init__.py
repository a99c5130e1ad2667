"""The only door to MLflow: register a version with its evidence, gate it, browse, fetch.

A version holds the adapter only; its base is named by digest. It is created last, in one write with all its tags, so
that there is no half version.

    door          a client, the lock of a migration, versions, aliases, an adapter's files
    gating        whether a report earns the alias
    registering   a version from a report, with its evidence and its card
"""

from factory.registry.door import KEY, aliases, client, connected, fetch, find, holder, migrating, numbered, versions
from factory.registry.gating import Verdict, gate, stored_verdict
from factory.registry.registering import Registered, register

__all__ = [
    "KEY",
    "Registered",
    "Verdict",
    "aliases",
    "client",
    "connected",
    "fetch",
    "find",
    "gate",
    "holder",
    "migrating",
    "numbered",
    "register",
    "stored_verdict",
    "versions",
]
