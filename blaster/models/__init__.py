"""The tables, and nothing else: `campaign_db` is Server 1, `crm_db` is Server 2, `fields` the column types."""
