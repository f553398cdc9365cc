"""Pure decisions of the portal, a module for each kind of subject."""
