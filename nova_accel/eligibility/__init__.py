"""May a handle be given away? Facts are read first, then one pure function gives the verdict."""
