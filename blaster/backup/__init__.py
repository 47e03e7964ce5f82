"""Backups of both databases while mails go out, and the way back from one.

The keys are not in a backup: with them it would give away every password in it. They are kept apart (docs/BACKUP.md).
"""
