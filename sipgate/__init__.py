"""sipgate: a call gate for SIP."""
