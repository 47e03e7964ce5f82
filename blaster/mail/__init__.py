"""SMTP and MIME: merge tags, message skeletons, one SMTP session, the meaning of replies. Knows no database."""
