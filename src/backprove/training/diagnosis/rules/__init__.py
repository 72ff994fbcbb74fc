"""Signs of each fault: functions of a view that answer with a finding, or None.

A rule's confidence is that of its weakest sign, so each figure in a finding's evidence is one that
the finding would fall with.
"""
