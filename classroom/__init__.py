"""What only the course needs: processes, the shop, the offline Claude, things to look at."""
