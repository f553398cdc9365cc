"""Records that could not be opened: seen with their reason, and retried (SPEC 6)."""
