"""The demo: a mail sink, and two users with something to send."""
