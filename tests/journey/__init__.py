"""A student who goes through the whole course."""
