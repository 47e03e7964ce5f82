"""What is done to lists and to the people on them, beside importing: editing, copying, erasing, taking home."""
