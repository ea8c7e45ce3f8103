"""The rules about an EDF, a file per subject; each rule is a generator of Hits."""
