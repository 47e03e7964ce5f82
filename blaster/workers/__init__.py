"""Sends the queue: processes, leases, one thread pool per SMTP server. Meets the web only in the database."""
