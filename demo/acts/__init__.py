"""The steps of the story: what is in the host, the life of a server, its end."""
