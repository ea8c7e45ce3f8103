"""The one door to FirecREST: a client with its jobs and files. Nothing else knows pyfirecrest."""
