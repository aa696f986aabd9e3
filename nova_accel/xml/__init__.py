"""Parts of a domain XML as values: class name = element, attribute = XML word. See https://libvirt.org/formatdomain.html."""
