"""What a script needs of Steersman, and nothing else: a login, shared data, a result, an event.

Imports nothing but the standard library, so that a script stays quick and may run in an environment of its own.
"""
