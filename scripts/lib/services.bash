# Postgres for the tests: the one that DATABASE_URL names, or else one from this machine's packages, started in a throw-away
# folder on a socket of its own and stopped at the end; and a PgBouncer before it. Sourced by scripts/test, after toolchain.bash.

services_folder="$(mktemp -d)"
chmod 755 "$services_folder"

# Where Postgres' programs are: in the PATH, or where Debian's packages put them.
postgres_programs() {
  local found
  found="$(command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -n 1)"
  [ -n "$found" ] && dirname "$found"
}

# as_postgres COMMAND…: Postgres does not run as root.
as_postgres() {
  if [ "$(id -u)" -ne 0 ]; then "$@"; else (cd / && runuser -u "$(postgres_user)" -- "$@"); fi
}

postgres_user() { if id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi; }

# Writes the server's address to the file that postgres_url reads.
start_postgres() {
  local folder="$services_folder/postgres" programs
  if [ -n "${DATABASE_URL:-}" ]; then
    printf 'Postgres: the one that DATABASE_URL names\n'
    printf '%s' "$DATABASE_URL" >"$services_folder/postgres.url"
    return
  fi
  postgres_programs >/dev/null || install_packages postgresql || return
  programs="$(postgres_programs)" || { fail 'initdb is not there, although Postgres is installed'; return; }
  mkdir -p "$folder"
  [ "$(id -u)" -ne 0 ] || chown "$(postgres_user)" "$folder"
  as_postgres "$programs/initdb" -D "$folder/data" -U triproom --auth=trust --no-sync --encoding=UTF8 >"$services_folder/initdb.log" ||
    { cat "$services_folder/initdb.log"; fail 'initdb failed'; return; }
  # Nothing here has to survive the machine; what must survive a server of ours is not lost by that.
  as_postgres "$programs/pg_ctl" -D "$folder/data" -l "$folder/log" -w start \
    -o "-k $folder -c listen_addresses='' -c fsync=off -c max_connections=300" >/dev/null ||
    { cat "$folder/log"; fail 'Postgres did not start'; return; }
  printf 'postgres:///postgres?host=%s&user=triproom' "$folder" >"$services_folder/postgres.url"
  printf 'Postgres %s\n' "$("$programs/postgres" --version)"
}

postgres_url() { cat "$services_folder/postgres.url" 2>/dev/null; }

# Puts a PgBouncer in transaction mode before that Postgres. Its few connections go from hand to hand.
start_pgbouncer() {
  local folder="$services_folder/pgbouncer"
  if [ -n "${TRIPROOM_TEST_PGBOUNCER_URL:-}" ]; then
    printf 'PgBouncer: the one that TRIPROOM_TEST_PGBOUNCER_URL names\n'
    printf '%s' "$TRIPROOM_TEST_PGBOUNCER_URL" >"$services_folder/pgbouncer.url"
    return
  fi
  [ -d "$services_folder/postgres" ] ||
    { fail 'TRIPROOM_TEST_PGBOUNCER_URL must name a PgBouncer before the Postgres that DATABASE_URL names'; return; }
  command -v pgbouncer >/dev/null || install_packages pgbouncer || return
  mkdir -p "$folder"
  cat >"$folder/ini" <<INI
[databases]
* = host=$services_folder/postgres user=triproom
[pgbouncer]
unix_socket_dir = $folder
pidfile = $folder/pid
logfile = $folder/log
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 1000
INI
  [ "$(id -u)" -ne 0 ] || chown "$(postgres_user)" "$folder"
  as_postgres pgbouncer -q -d "$folder/ini" || { cat "$folder/log"; fail 'PgBouncer did not start'; return; }
  printf 'postgres:///postgres?host=%s&port=6432&user=triproom' "$folder" >"$services_folder/pgbouncer.url"
  pgbouncer --version | head -n 1
}

pgbouncer_url() { cat "$services_folder/pgbouncer.url" 2>/dev/null; }

stop_services() {
  local folder="$services_folder/postgres"
  [ ! -f "$services_folder/pgbouncer/pid" ] || kill "$(cat "$services_folder/pgbouncer/pid")" || true
  if [ -d "$folder/data" ]; then
    as_postgres "$(postgres_programs)/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
  fi
  rm -rf "$services_folder"
}
