"""Load → decide → store → publish, a module for each kind of subject. No framework."""
