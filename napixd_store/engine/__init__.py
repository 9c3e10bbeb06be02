"""The engine: all that a Store does, derived once from a backend's two verbs.

A room holds one capability, for every backend and both policies:

``verbs``         what a backend writes, and what it may refine
``deadlines``     which records are past their deadline, and how they leave
``values``        a value to a record and back
``mapping``       what a dict does
``order``         range: pairs in the order of the keys
``atomic``        take and put in one step: pop, setdefault, add, delete_many
``change``        change one value by what it is: incr, compute, edit
``time``          put, touch, expires_in, sweep
``saving``        save, reload, drop
``transactions``  what a block reads and writes, in one step

The rooms call the verbs of ``self._copy or self``: the working copy's under write-back, a draft's
in a transaction, and else the backend's own. They know no policy besides.
"""
