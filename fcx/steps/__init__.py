"""From a Dockerfile to a verdict, step by step: what `fcx up` does, and its single verbs."""
