"""The page on which annotators judge pairs and compare answers (Kun §4.2.2, §4.2.3), and what becomes of their votes.

Only `server` and what it imports need the annotate extra; reading votes (`storage.read_votes`) does not.
"""
