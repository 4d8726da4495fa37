#!/bin/sh
# Instructions a body costs to read, by method: the difference between running 12 times and twice, over ten.
# Needs valgrind. Takes the built benchmark as argument, else builds it.
set -eu
cd "$(dirname "$0")/.."
parse=${1:-$(cargo bench --locked --bench parse --no-run --message-format=json |
  sed -n 's/.*"executable":"\([^"]*\/parse-[^"]*\)".*/\1/p' | tail -n 1)}

instructions() {
  valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null "$parse" "$1" "$2" "$3" 2>&1 |
    sed -n 's/.*I *refs: *//p' | tr -d ,
}

printf '%-16s%14s%14s%14s%14s%14s\n' instructions 500B 10KB-text 10KB-objects 1MB-text 1MB-objects
for method in memcpy scanner scanner-16KiB serde-ignored serde-value; do
  printf '%-16s' "$method"
  for body in 500B 10KB-text 10KB-objects 1MB-text 1MB-objects; do
    few=$(instructions "$method" "$body" 2)
    many=$(instructions "$method" "$body" 12)
    printf '%14d' $(((many - few) / 10))
  done
  printf '\n'
done
