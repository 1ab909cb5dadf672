"""The machine under the course: servers, processes, ports, locks, and its state folder."""
