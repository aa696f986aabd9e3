"""The host's own durable record of each handle: who has it, and what is proven clean."""
