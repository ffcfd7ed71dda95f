"""Plans of penalties, decay, dropout and the pictures of why."""
