# Checks that the tools are there and new enough, installs system packages where it may, and says what to do
# where it may not. Sourced by scripts/test.

fail() { printf 'error: %s\n' "$*"; return 1; }

# at_least HAVE WANT: whether version HAVE is WANT or newer.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# install_packages PACKAGE…: with apt-get, as root or by sudo without a password.
install_packages() {
  local as_root=()
  if ! command -v apt-get >/dev/null; then
    fail "please install: $*"
    return
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      fail "please run: sudo apt-get install $*"
      return
    fi
    as_root=(sudo -n)
  fi
  printf 'installing %s\n' "$*"
  "${as_root[@]}" apt-get update -q &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

check_rust() {
  local want have component
  want="$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)"
  command -v cargo >/dev/null || { fail "cargo is missing: install Rust $want or newer with rustup"; return; }
  have="$(cargo --version | cut -d ' ' -f 2)"
  at_least "$have" "$want" || { fail "cargo is $have, this needs $want or newer: rustup update stable"; return; }
  for component in fmt clippy; do
    cargo "$component" --version >/dev/null 2>&1 ||
      { fail "cargo $component is missing: rustup component add ${component/fmt/rustfmt}"; return; }
  done
  printf 'cargo %s\n' "$have"
}

check_c_compiler() {
  command -v cc >/dev/null || install_packages gcc libc6-dev || return
  cc --version | head -n 1
}

check_python() {
  python3 -m venv --help >/dev/null 2>&1 && python3 -m ensurepip --version >/dev/null 2>&1 &&
    command -v curl >/dev/null || install_packages python3 python3-venv curl || return
  python3 --version
}

check_node() {
  local want have
  want="$(sed -n 's/.*"node": ">=\([0-9.]*\)".*/\1/p' web/package.json)"
  command -v node >/dev/null && command -v npm >/dev/null || install_packages nodejs npm || return
  have="$(node --version)"
  at_least "${have#v}" "$want" || { fail "node is $have, this needs $want or newer"; return; }
  printf 'node %s, npm %s\n' "$have" "$(npm --version)"
}

find_chromium() {
  local name
  for name in ${CHROMIUM:+"$CHROMIUM"} chromium chromium-browser google-chrome; do
    command -v "$name" && return
  done
  return 1
}

check_chromium() {
  find_chromium >/dev/null || install_packages chromium fonts-liberation || return
  "$(find_chromium)" --version --no-sandbox
}

# The tests start servers of their own: Redis or Valkey, with TLS, too.
find_redis_server() {
  local name
  for name in ${TRIPROOM_TEST_REDIS_SERVER:+"$TRIPROOM_TEST_REDIS_SERVER"} redis-server valkey-server; do
    command -v "$name" && return
  done
  return 1
}

check_redis() {
  find_redis_server >/dev/null || install_packages redis-server || return
  command -v openssl >/dev/null || install_packages openssl || return
  "$(find_redis_server)" --version
}
