"""Give Nova's libvirt guests local SSDs, persistent memory and other host devices."""
