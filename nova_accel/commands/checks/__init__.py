"""What ``nova-accel status check`` looks at: a small function for each thing that has to be right on a host."""
