"""The audit log: who asked for what and when, in files that show whether they were changed.

``records`` spells lines, ``chain`` ties each line to the one before, ``files`` writes, rotates and
keeps them, ``stdout`` ships them, ``refusals`` bounds what refused requests leave, ``log`` is what
a worker uses. ``verification`` and ``search`` read; ``commands`` is ``kedro audit``, and without
Kedro ``python -m churn_pipeline.serving.audit``.
"""

from churn_pipeline.serving.audit.log import AuditLog
from churn_pipeline.serving.audit.outage import AuditUnavailable
from churn_pipeline.serving.audit.records import Asked

__all__ = ["Asked", "AuditLog", "AuditUnavailable"]
