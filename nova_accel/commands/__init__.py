"""The operator's commands, ``nova-accel``: they act on this host only, through the ledger and nova.conf."""
