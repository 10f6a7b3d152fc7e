"""Who spent what, and how long the balance lasts."""
