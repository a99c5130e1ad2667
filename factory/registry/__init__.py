"""The only door to MLflow: register a version with its evidence, gate it, browse, fetch, promote.

A version holds the adapter only; its base is named by digest. It is created last, in one write with all its tags, so
that there is no half version.

    door          a client, locks, versions, aliases, an adapter's files
    gating        whether a report earns the alias
    registering   a version from a report, with its evidence and its card
    measured      what it came to on an evaluation suite
    events        promote, roll back, retire: who, when, why
    bundle        a version as one file that can be carried
    index         what tables and pages read, without MLflow
    reading       what the registry holds of a version, read back
"""

from factory.gate import Verdict
from factory.registry.bundle import export, import_bundle
from factory.registry.door import (
    KEY,
    address,
    aliases,
    alone,
    chosen,
    client,
    connected,
    fetch,
    find,
    held_by,
    holder,
    migrating,
    ready,
    there,
    versions,
)
from factory.registry.events import RETIRED, Event, history, promote, retire, rollback
from factory.registry.gating import gate, stored_verdict
from factory.registry.index import Fleet, Row, filtered, fleet, named, now, rebuild
from factory.registry.measured import log_suite
from factory.registry.reading import Evidence, evidence
from factory.registry.registering import Registered, experiment_id, register

__all__ = [
    "KEY",
    "RETIRED",
    "Event",
    "Evidence",
    "Fleet",
    "Registered",
    "Row",
    "Verdict",
    "address",
    "aliases",
    "alone",
    "chosen",
    "client",
    "connected",
    "evidence",
    "experiment_id",
    "export",
    "fetch",
    "filtered",
    "find",
    "fleet",
    "gate",
    "held_by",
    "history",
    "holder",
    "import_bundle",
    "log_suite",
    "migrating",
    "named",
    "now",
    "promote",
    "ready",
    "rebuild",
    "register",
    "retire",
    "rollback",
    "stored_verdict",
    "there",
    "versions",
]
