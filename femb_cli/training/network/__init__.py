"""What a training changes about a network: where it starts from, what is frozen, averaged or recomputed."""
