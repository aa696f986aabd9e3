"""Every operation of Nova on a server with devices, and five witnesses asked after each."""
