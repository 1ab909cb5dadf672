"""What people look at: tables, timelines, the worker panel."""
