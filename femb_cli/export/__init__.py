"""Exporting a network to the formats that other programs read."""

from femb_cli.export.export import check_export, export_checkpoint
from femb_cli.export.plan import ExportPlan, default_target, format_of

__all__ = ["ExportPlan", "check_export", "default_target", "export_checkpoint", "format_of"]
