"""The lab: an emulated compute host with real device handling, and a Nova around it.

``python -m lab smoke`` boots it, runs the smoke scenario and stops; see README.md.
Nothing in here is part of the installed library.
"""
