"""The threat model of the write protocol, as a program: real commands on a store where everything goes wrong in turn.

Whoever publishes here is the real code. Only three things are not: the store (in memory), the threads (one runs at a
time, from one request to the next) and the waiting (there is none). At each request somebody decides who goes on, and
what becomes of the request:

- `requests`: what can become of a request: it may get lost, land twice, land after its sender died …
- `strands`: how one thread at a time runs, so that a run is the same for the same decisions
- `connection`: the `Storage` that an actor holds, each call of which waits for its fate
- `world`: the store, the actors, what is still on its way; a decision makes one step
- `commands`, `upkeep_commands`: what an actor can be told to do
- `evidence`, `laws`, `verdicts`: what a reader sees, what must hold after every step, what an exit promises
- `ending`: what must hold when everybody is gone, and that one more run mends the rest
- `scenarios`, `schedules`: who meets whom, and decisions drawn from a seed
- `wrong`: the protocol with one rule taken out, which the laws must notice
"""

from __future__ import annotations
