-- The figures as one line of JSON, the last one that wrk prints. Times are in microseconds.
function done(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   print(string.format('{"seconds": %f, "operations": %d, "bytes": %d, "p50_us": %f, "p99_us": %f, "errors": %d}',
      summary.duration / 1e6, summary.requests, summary.bytes,
      latency:percentile(50), latency:percentile(99), failed))
end
