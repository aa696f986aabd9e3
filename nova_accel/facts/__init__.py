"""What the host's own files say, read as any user may. No privilege is needed here and nothing is decided."""
