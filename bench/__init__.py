"""Figures for people: what nova_accel costs a nova-compute. Not tests: nothing here passes or fails by a clock."""
