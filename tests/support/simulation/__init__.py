"""The threat model of the write protocol, as a program: real commands on a store where everything goes wrong in turn.

The commands are the real code. Three things are simulated: the store (in memory), the threads (one runs at a time,
from one request to the next) and the waiting (there is none). The test decides at each request who runs next, and
what becomes of the request:

- `connection`: the `Storage` that a command gets; what can become of a request: it may get lost, arrive twice or late
- `commands`: what can run, what its success promises and what may refuse it
- `tasks`: threads that take turns, so that a run is the same for the same decisions
- `simulation`: the store, the actors and the requests still on their way; one decision is one step
- `pages`, `history`: what a reader sees, and all that the manifests ever said
- `invariants`: what must hold after every step, after an exit, and once all have ended
- `scenarios`, `schedules`: which commands run at the same time, and decisions drawn from a seed
- `rules`, `removed_rules`: the protocol without one of its rules, which an invariant must notice
"""

from __future__ import annotations
