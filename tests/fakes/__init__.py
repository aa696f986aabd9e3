"""What stands where the machine would be."""
