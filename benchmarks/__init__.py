"""Benchmarks: what the client costs over the same by hand. Run one as `python -m benchmarks.paging [--json]`.

Method: each contender runs in a process of its own. It does a round to warm up, and then a round whenever `run.py`
asks for one. The rounds of all contenders are interleaved in a rotating order, so that a busy machine slows all of them
equally. The quietest round of a process counts. All this is repeated with new processes (`--repeats`), because the same
program is faster in one process than in the next, depending on its memory layout. Medians over these repeats are
reported, and a ratio is the median of the ratios. CPU is `time.process_time` of the client process alone: the server is
another process with prepared responses. Peak memory is `ru_maxrss`, imports and warm-up included.
`benchmarks.instructions` counts instead of measuring time, so it also works on a busy machine.

The budgets, and the command that prints each:

    benchmarks.instructions    a small request, a booking of a list, a row of an export as JSON Lines and as Parquet, a
                               booking over httpx + pydantic (needs both installed), the import of `Calcom`
    benchmarks.paging          wall time with prefetch at 100 ms of latency; CPU per booking
    benchmarks.limiter         use of the rate limit, refusals, four processes on Redis, event-loop gap with 1,000
                               waiters
    benchmarks.export          peak memory of 1,000,000 rows over 10,000
    benchmarks.missing_rows    rows lost, and requests for a list with ties

Bias: loopback has no latency, no losses and no TLS, so CPU is a larger part of the whole than on the Internet.
Contenders by hand do the minimum: no retries, no rate limit, no mapped errors. They are written as in a service, with
each library's defaults, and none is handicapped. The data is made by `data.py`, in the shape and size of real
responses. Client and server run at the same time, so use a machine with two cores.
"""
