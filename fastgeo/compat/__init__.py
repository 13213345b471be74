"""Drop-ins for code that exists: change the import line, keep the program. One module per library they stand in for."""
