"""What is wrong, here, on the way or on the cluster: many small checks, each with its fix.

``check.py`` says what a check is, ``case.py`` what it is about, ``examine.py`` has them looked at
side by side. Nothing is submitted; of what is on the cluster one small file is written and removed.
"""
