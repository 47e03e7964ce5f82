"""Steps from the tables of one version to those of the next: `campaign/` for Server 1, `crm/` for Server 2."""
