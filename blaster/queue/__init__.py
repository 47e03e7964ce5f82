"""The rows of Server 2: who may send what, when, and what became of it. One writer per table."""
