"""What the DNS says of a sender's domain: SPF, DKIM, DMARC. Asks name servers, never a database."""
