-- Sends the bodies of a file (one a line) in turn and prints the figures as one line of JSON.
-- The environment names the file (BENCHMARK_BODIES) and the key to send (BENCHMARK_API_KEY).

local prepared, position = {}, 0

function init(_)
  local headers = { ["Content-Type"] = "application/json" }
  for name, value in pairs(wrk.headers) do headers[name] = value end
  local key = os.getenv("BENCHMARK_API_KEY")
  if key then headers["Authorization"] = "Bearer " .. key end
  local bodies = assert(os.getenv("BENCHMARK_BODIES"), "BENCHMARK_BODIES is not set")
  for body in io.lines(bodies) do
    prepared[#prepared + 1] = wrk.format("POST", wrk.path, headers, body)
  end
end

function request()
  position = position % #prepared + 1
  return prepared[position]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\n{"seconds": %.6f, "requests": %d, "bytes": %d, "p50_ms": %.3f, "p90_ms": %.3f, '
      .. '"p99_ms": %.3f, "p999_ms": %.3f, "max_ms": %.3f, "connect_errors": %d, '
      .. '"read_errors": %d, "write_errors": %d, "timeouts": %d, "bad_statuses": %d}\n',
    summary.duration / 1e6, summary.requests, summary.bytes, latency:percentile(50) / 1e3,
    latency:percentile(90) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3,
    latency.max / 1e3, errors.connect, errors.read, errors.write, errors.timeout, errors.status
  ))
end
