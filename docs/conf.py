"""Sphinx's configuration."""

from importlib import metadata

project = "nova_accel"
author = "The nova_accel authors"
release = metadata.version("nova-accel")
extensions = ["cliff.sphinxext", "oslo_config.sphinxext"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "Local SSDs and persistent memory for Nova's libvirt guests"}
nitpicky = True
man_pages = [("reference/commands", "nova-accel", "show and steer the devices that a host gives to guests", author, 8)]
