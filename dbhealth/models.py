"""The models of dbhealth's topics, where Django looks for them."""

from dbhealth.runs.models import MaintenanceRun

__all__ = ["MaintenanceRun"]
