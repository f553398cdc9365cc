"""What people are told by e-mail: receipts of envíos, registrations, dismissals. README.md is its specification."""
