"""Benchmarks: what the client costs over doing the same by hand. Run one as `python -m benchmarks.paging [--json]`.

Method. Each contender runs in a process of its own, does a round to warm up, and then a round whenever `run.py` tells
it to; the rounds of all contenders are interleaved, in an order that rotates, so that a busy machine hurts all alike.
The quietest round of a process counts. All this is repeated with new processes (`--repeats`), since the same program is
faster in one process than in the next, by how its memory happens to lie; medians over these repeats are reported, and a
ratio is the median of the ratios. CPU is `time.process_time` of the client process alone: the server that answers is
another process with answers made beforehand. Peak memory is `ru_maxrss`, imports and warm-up included.

Bias. Loopback has no latency, no losses and no TLS, so CPU is a larger part of the whole than it is on the Internet.
Contenders by hand do the minimum: no retries, no rate limit, no mapped errors. They are written as one would write them
in a service, with each library's own defaults, and none is handicapped. The data is made by `data.py`, in the shape and
size of real answers. Two things run at once, client and server, so give it two cores.
"""
