"""The tasks of a process, seen from another one: ``python -m asyncioxide ps`` and ``pstree``.

In the process that is looked into, `snapshot` collects who waits for whom, and sends it to who asks
through a `door`, where the program has opened one, or leaves it in a file, where it was made to by
`sys.remote_exec` (Python 3.14). Who looks finds the way in with `visit` and draws a `picture`.
"""
