"""A FirecREST-v2-compatible server for one machine."""
