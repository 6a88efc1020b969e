"""Trying the Debian package on a small Debian machine; see `make deb-check`."""
