"""One server for all tests of the offline Claude: it takes seconds of CPU to start."""

from tests.support import offline_server

log_path, url, offline = offline_server.log_path, offline_server.url, offline_server.offline
