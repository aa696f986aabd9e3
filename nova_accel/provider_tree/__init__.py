"""What providers there should be (plan, pure), and how they get into Nova's provider tree (apply)."""
