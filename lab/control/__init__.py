"""Nova's and Placement's services on the host at full speed, and stand-ins for what they need."""
