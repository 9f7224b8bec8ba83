"""Finds what holds an event loop up: which call, for how long, and what to write instead.

Theory of operation
-------------------
A loop that is watched has a *beat*: a timer callback that notes the time, and nothing else. So the
hot paths pay nothing. A *watchdog*, one real OS thread for all loops, looks several times in each
limit. Where the beat is overdue it takes the stack of the loop's OS thread, and when the beat has
come at last, what all those stacks have in common is who held the loop: the same line of the same
frame in all of them is one call, different lines of one frame are a computation, and frames that
have nothing in common are many short steps, which nobody is to blame for.

A loaded machine makes beats late as well, and a false alarm is worse than none. So only time counts
that is proved to be the program's own (``_clocks``): the CPU time of the loop's OS thread; and
otherwise only stretches at whose ends the watchdog itself was on time, less what the loop's thread
has waited for a CPU. A watchdog that came late had to wait for the GIL: then another thread may
have had it, for which the loop's own waited, too.

The ways not taken: a counter at each switch, which costs every program something;
``sys.setprofile`` and ``sys.monitoring``, which cost a program that is watched too much; and
``sys.addaudithook``, which knows a few calls only, cannot be taken off, and does not say how long
one took.
"""
