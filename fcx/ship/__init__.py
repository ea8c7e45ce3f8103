"""A packed image on its way to the cluster: sent in pieces, joined and verified by a job."""
