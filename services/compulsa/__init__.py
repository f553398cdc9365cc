"""compulsa: what the electoral roll says of each apoyo's person, and which of a person's apoyos counts. It alone reads the roll."""
