# Runs named steps, times them, counts their tests and sums up. Sourced by scripts/test.
#
#   step NAME [--after STEP]… COMMAND…    must exit with 0
#   tests NAME [--after STEP]… COMMAND…   the same, and its output must say how many tests ran
#   summary                               prints what happened, which tests failed and why, and ends the run
#
# A step whose `--after` step did not succeed is not run, and counts as failed.

step_names=()
declare -A step_result=() step_seconds=() step_failures=()
tests_passed=0
tests_failed=0
tests_skipped=0
step_log="$(mktemp)"
trap 'rm -f "$step_log"' EXIT

step() {
  local name="$1" missing='' began=$SECONDS
  shift
  while [ "${1:-}" = --after ]; do
    [ "${step_result[$2]:-}" = ok ] || missing="$2"
    shift 2
  done
  step_names+=("$name")
  printf '\n== %s\n' "$name"
  if [ -n "$missing" ]; then
    step_result[$name]="NOT RUN, for want of '$missing'"
  elif "$@" 2>&1 </dev/null | tee "$step_log"; then
    step_result[$name]=ok
  else
    step_result[$name]=FAILED
  fi
  step_seconds[$name]=$((SECONDS - began))
  printf -- '-- %s: %s (%s)\n' "$name" "${step_result[$name]}" "$(duration "${step_seconds[$name]}")"
}

tests() {
  : >"$step_log"
  step "$@"
  local counts
  counts="$(count_tests <"$step_log")"
  if [ -n "$counts" ]; then
    local passed failed skipped
    read -r passed failed skipped <<<"$counts"
    step_failures[$1]="$(failed_tests <"$step_log")"
    tests_passed=$((tests_passed + passed))
    tests_failed=$((tests_failed + failed))
    tests_skipped=$((tests_skipped + skipped))
  elif [ "${step_result[$1]}" = ok ]; then
    step_result[$1]='FAILED: it does not say how many tests ran'
  fi
}

# Reads a test run's output, prints "passed failed skipped"; nothing when no runner closed.
# Known runners: cargo test, cargo nextest, node --test (its TAP and its readable form).
count_tests() {
  sed 's/\x1b\[[0-9;]*m//g' | awk '
    function before(word,   i) { for (i = 2; i <= NF; i++) if ($i ~ "^" word) return $(i - 1); return 0 }
    /^test result:/                        { passed += before("passed"); failed += before("failed"); skipped += before("ignored"); seen = 1 }
    /^ *Summary \[/                        { passed += before("passed"); failed += before("failed"); skipped += before("skipped"); seen = 1 }
    /^(#|ℹ) pass [0-9]+$/                  { passed += $3; seen = 1 }
    /^(#|ℹ) (fail|cancelled) [0-9]+$/      { failed += $3 }
    /^(#|ℹ) (skipped|todo) [0-9]+$/        { skipped += $3 }
    END { if (seen) print passed + 0, failed + 0, skipped + 0 }'
}

# Reads the same, prints each test that failed, once, and below it the first lines of the reason where TAP tells one.
failed_tests() {
  sed 's/\x1b\[[0-9;]*m//g' | awk '
    function name(what) { if (!named[what]++) print what }
    sub(/^ *not ok [0-9]+ - /, "")                             { name($0); tap = 1; next }
    tap && /^ *error: /                                        { reason = 12 }
    tap && /^ *(code|name|stack|expected): |^ *\.\.\.$/        { reason = tap = 0 }
    reason > 0 && NF                                           { reason--; print "    " $0 }
    sub(/^ *(FAIL|ABORT|TIMEOUT|SIG[A-Z]+) \[[^]]*s\] +/, "")  { sub(/^\([ 0-9\/]+\) +/, ""); name($0); next }
    /^test .* \.\.\. FAILED$/                                  { name($2); next }
    sub(/^ *✖ /, "") && sub(/ \([0-9.]+ms\).*$/, "")           { name($0) }'
}

duration() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

summary() {
  local name broken=0
  printf '\n== Summary\n'
  for name in "${step_names[@]}"; do
    printf '%7s  %-32s %s\n' "$(duration "${step_seconds[$name]}")" "$name" "${step_result[$name]}"
    [ "${step_result[$name]}" = ok ] || broken=$((broken + 1))
  done
  printf '%7s  in all\n' "$(duration "$SECONDS")"
  for name in "${step_names[@]}"; do
    [ -z "${step_failures[$name]:-}" ] || printf '\nFailed in %s:\n%s\n' "$name" "${step_failures[$name]}"
  done
  if [ "$broken" -gt 0 ]; then
    printf '\n%d of %d steps failed; of the tests that ran, %d passed and %d failed.\n' \
      "$broken" "${#step_names[@]}" "$tests_passed" "$tests_failed"
    exit 1
  fi
  printf '\n%d passed, %d failed' "$tests_passed" "$tests_failed"
  [ "$tests_skipped" -eq 0 ] || printf ', %d skipped' "$tests_skipped"
  printf '\n'
  exit 0
}
