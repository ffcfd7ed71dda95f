"""Pictures of penalties, decay, dropout, and why."""
