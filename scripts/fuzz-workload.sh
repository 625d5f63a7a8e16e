#!/usr/bin/env bash
# Runs the property tests of the workload readers with new random input until the minutes are over. A panic fails the run;
# so does a round that does not end (a hang), by its time-out.
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=${1:-10}
filter='test(workload::) and (test(any_) or test(no_token_is_lost) or test(layout_and_values) or test(what_is_read))'
cargo nextest run --locked -p pgverse-core --lib --no-run
end=$((SECONDS + minutes * 60))
rounds=0
while [ $SECONDS -lt $end ]; do
    PROPTEST_CASES=${CASES:-5000} timeout 600 cargo nextest run --locked -p pgverse-core --lib -E "$filter" \
        --status-level fail --final-status-level fail
    rounds=$((rounds + 1))
done
echo "fuzz-workload: $rounds rounds in $minutes minutes, no panic, no hang"
