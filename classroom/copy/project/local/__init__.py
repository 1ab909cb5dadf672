"""What is only for this machine, to try the agent and to test it; production needs none of it."""
