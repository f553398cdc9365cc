"""Decisions of compulsa, pure: the roll (`padron`), one record (`folio`), and the records of one person (`persona`)."""
