"""The HTTP side of the local cluster: routes, bodies and answers of FirecREST v2."""
