"""Sphinx's configuration."""

project = "nova_accel"
author = "The nova_accel authors"
extensions = ["cliff.sphinxext", "oslo_config.sphinxext"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "Local SSDs and persistent memory for Nova's libvirt guests"}
nitpicky = True
