"""What a server asks for. Pure."""
