"""The part that lives inside nova-compute."""
