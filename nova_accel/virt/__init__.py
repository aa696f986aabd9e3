"""The compute driver that Nova loads, and how it treats guests."""
