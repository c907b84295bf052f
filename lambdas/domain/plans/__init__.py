"""From nodes and what is known of their cluster to the commands of each phase."""
