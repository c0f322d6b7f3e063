"""The fault harness: nothing is lost and nothing is bought twice, whatever breaks.

Whole partitions are taken from landing to cache by the project's own code, against a real
Postgres and the stand-in, while processes are killed, databases vanish and the API
misbehaves. After every run the stand-in's journal (what was executed and billed) is held
against the database (issue 3, "Proof: a fault harness").

* ``scenarios``: what lands, what goes wrong, as data from a seed;
* ``boundaries``: every input and output of a process, numbered, and the accident at one;
* ``system``: the process that works until all partitions have an end;
* ``world``: Postgres, stand-in and processes of one scenario;
* ``judge``: what must hold afterwards;
* ``campaign``: many scenarios, and their counts.
"""
