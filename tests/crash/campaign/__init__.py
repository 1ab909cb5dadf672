"""The crash campaign: SIGKILLs at every kind of point of every recipe, judged from outside.

`make crash`, or `python -m tests.crash.campaign --help` for a part of it. How it hangs together:

| module | does |
| --- | --- |
| `scenarios` | the table of recipes: what each run is asked, and what people do meanwhile |
| `points` | where a run can be killed, read from the trace of an undisturbed run |
| `zygote`, `nursery` | worker processes, forked from one that has imported everything |
| `hooks` | inside a worker: the trace, and the SIGKILL at its point |
| `server`, `lane` | a Temporal server, an offline Claude and a shop for each case |
| `cases`, `watching`, `reviewing` | one run, its kills, and the people in it |
| `looking`, `observation` | what is seen of a run from outside |
| `invariants`, `decisions` | what must hold of it |
| `trees`, `broken`, `bugs` | copies of the code with a bug in them: the campaign under test |
| `report` | the table |
"""
