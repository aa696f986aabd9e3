"""Kills and faults, counted: a whole small cloud whose every lasting thing is in files."""
