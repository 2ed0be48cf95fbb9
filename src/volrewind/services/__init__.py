"""One function per verb: plan, then do."""
