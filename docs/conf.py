"""Sphinx builds the manual from these Markdown pages: `tox -e docs`."""

from importlib.metadata import version as installed_version

project = "dbhealth"
author = "dbhealth contributors"
copyright = "dbhealth contributors"
release = version = installed_version("django-dbhealth")

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

# Headings are link targets, so that a page can point at another page's section.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

html_theme = "furo"
html_title = f"dbhealth {release}"
