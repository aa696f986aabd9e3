"""Cleaning: a pure choice of the method, one acting function, and a caller that can be exchanged."""
