"""What each request answers, for the OpenAPI document that the server gives of itself.

Field for field as in FirecREST's own document; a field without a default is always there. The
routes do not pass their answers through these models: they only describe them.
"""
