#!/bin/sh
# Instructions and allocations that observing an exchange costs, by case: the difference between running it a
# thousand times more and not. Needs valgrind. Takes the built benchmark as argument, else builds it.
set -eu
cd "$(dirname "$0")/.."
observe=${1:-$(cargo bench --locked --bench observe --no-run --message-format=json |
  sed -n 's/.*"executable":"\([^"]*\/observe-[^"]*\)".*/\1/p' | tail -n 1)}

instructions() {
  valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null "$observe" "$1" "$2" 2>&1 |
    sed -n 's/.*I *refs: *//p' | tr -d ,
}

allocations() {
  valgrind --tool=memcheck --undef-value-errors=no "$observe" "$1" "$2" 2>&1 |
    sed -n 's/.*total heap usage: \([0-9,]*\) allocs.*/\1/p' | tr -d ,
}

printf '%-14s%14s%14s\n' case instructions allocations
for case in call call-session call-traced sse-10 sse-1000; do
  few=20
  if [ "$case" = sse-1000 ]; then many=40; else many=1020; fi
  times=$((many - few))
  printf '%-14s%14d' "$case" $((($(instructions "$case" $many) - $(instructions "$case" $few)) / times))
  printf '%14d\n' $((($(allocations "$case" $many) - $(allocations "$case" $few)) / times))
done
