"""KPIs from the ledger: declared as data, made from rollups, judged against targets and their own variation."""

from steersman.feedback.kpi import Kpi, Source
from steersman.feedback.sparkline import sparkline
from steersman.feedback.standard import STANDARD
from steersman.feedback.values import KpiValue, Share, breakdown, find, metrics, values

__all__ = ["STANDARD", "Kpi", "KpiValue", "Share", "Source", "breakdown", "find", "metrics", "sparkline", "values"]
