"""Laws that hold in whatever order things happen: a host, a Nova and a Placement in small, and everything of ours between them."""
