"""Benchmarks: what the client costs over the same work by hand. Run one with `python -m benchmarks.paging [--json]`.

    benchmarks.instructions    instructions of a small request, a booking of a list, a row of an export as JSON Lines
                               and as Parquet, a row of an Arrow table, and the import of `Calcom`; needs valgrind
    benchmarks.requests        CPU time that each layer of the client adds to a small request
    benchmarks.paging          CPU time per booking of a list; wall time with prefetch at 100 ms of latency
    benchmarks.limiter         use of the rate limit, refusals, four processes on Redis, event-loop gap with 1,000
                               waiters
    benchmarks.arrow           CPU time per row of an Arrow table, and peak memory
    benchmarks.export          peak memory of 1,000,000 rows over 10,000; CPU time per row
    benchmarks.startup         CPU time, wall time and modules of an import
    benchmarks.sandbox         rates of the sandbox next to GET /v2/me with 1,000 and 100,000 bookings; start; memory
    benchmarks.missing_rows    rows lost, and requests for a list with ties

`benchmarks.instructions` counts, so its results are the same on a busy machine, and only it has budgets of cost. CPU
time depends on the machine and on what else runs there. It is reported for comparison, and no budget is checked
against it.

Method of the benchmarks that measure time: each contender runs in a process of its own. It does a round to warm up, and
then a round whenever `run.py` asks for one. The rounds of all contenders are interleaved in a rotating order, so that a
busy machine slows all of them equally. The fastest round of a process counts. All this is repeated with new processes
(`--repeats`), because the same program is faster in one process than in the next, depending on its memory layout.
Medians over these repeats are reported, and a ratio is the median of the ratios. CPU time is `time.process_time` of the
client process alone: the server is another process with prepared responses. Peak memory is `ru_maxrss`, imports and
warm-up included.

Bias: loopback has no latency, no losses and no TLS, so CPU time is a larger part of the whole than on the Internet.
Contenders by hand do the minimum: no retries, no rate limit, no mapped errors. They are written as in a service, with
each library's defaults, and none is handicapped. The data is made by `data.py`, in the shape and size of real
responses. Client and server run at the same time, so use a machine with two cores.
"""
