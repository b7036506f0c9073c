"""The checks of the health report, one file per subject: each maps what is looked at (Looked) to findings.

A check is named after the code of its findings: ``near_duplicates`` makes "near-duplicates".
"""
