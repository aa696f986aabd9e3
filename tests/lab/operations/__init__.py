"""Every operation of Nova on a server with real (emulated) devices, whose guest writes to them and reads them again."""
