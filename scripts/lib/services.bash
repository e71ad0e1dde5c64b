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

# make_certificate FOLDER: a certificate for localhost, and the authority that signed it.
make_certificate() {
  command -v openssl >/dev/null || install_packages openssl || return
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=Authority of the tests' \
    -keyout "$1/ca.key" -out "$1/ca.crt" 2>/dev/null &&
    openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout "$1/server.key" -out "$1/server.csr" 2>/dev/null &&
    openssl x509 -req -in "$1/server.csr" -CA "$1/ca.crt" -CAkey "$1/ca.key" -CAcreateserial -days 2 \
      -extfile <(printf 'subjectAltName = DNS:localhost') -out "$1/server.crt" 2>/dev/null &&
    chmod 600 "$1/server.key" || fail 'openssl made no certificate'
}

# A port of this machine that nobody listens on.
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

# Writes the server's address to the file that postgres_url reads, and the one with TLS to that of postgres_tls_url.
start_postgres() {
  local folder="$services_folder/postgres" programs port
  postgres_programs >/dev/null || install_packages postgresql || return
  programs="$(postgres_programs)" || { fail 'initdb is not there, although Postgres is installed'; return; }
  mkdir -p "$folder"
  make_certificate "$folder" || return
  [ "$(id -u)" -ne 0 ] || chown "$(postgres_user)" "$folder" "$folder/server.key"
  as_postgres "$programs/initdb" -D "$folder/data" -U triproom --auth=trust --no-sync --encoding=UTF8 >"$services_folder/initdb.log" ||
    { cat "$services_folder/initdb.log"; fail 'initdb failed'; return; }
  # Nothing here has to survive the machine; what must survive a server of ours is not lost by that.
  port="$(free_port)"
  as_postgres "$programs/pg_ctl" -D "$folder/data" -l "$folder/log" -w start \
    -o "-k $folder -p $port -c listen_addresses=localhost -c fsync=off -c max_connections=300 \
      -c ssl=on -c ssl_cert_file=$folder/server.crt -c ssl_key_file=$folder/server.key" >/dev/null ||
    { cat "$folder/log"; fail 'Postgres did not start'; return; }
  echo "$port" >"$services_folder/postgres.port"
  printf 'postgres:///postgres?host=%s&port=%s&user=triproom' "$folder" "$port" >"$services_folder/postgres.url"
  printf 'postgres://triproom@localhost:%s/postgres?sslmode=verify-full&sslrootcert=%s' "$port" "$folder/ca.crt" \
    >"$services_folder/postgres-tls.url"
  printf 'Postgres %s\n' "$("$programs/postgres" --version)"
  [ -z "${DATABASE_URL:-}" ] || printf 'and the one that DATABASE_URL names\n'
}

# The server that DATABASE_URL names, or this one. What TLS, a pooler or a frozen process is needed for runs on this one.
postgres_url() { if [ -n "${DATABASE_URL:-}" ]; then printf '%s' "$DATABASE_URL"; else local_postgres_url; fi; }
local_postgres_url() { cat "$services_folder/postgres.url" 2>/dev/null; }
postgres_tls_url() { cat "$services_folder/postgres-tls.url" 2>/dev/null; }

# Puts a PgBouncer in transaction mode before that Postgres. Its few connections go from hand to hand.
start_pgbouncer() {
  local folder="$services_folder/pgbouncer"
  command -v pgbouncer >/dev/null || install_packages pgbouncer || return
  mkdir -p "$folder"
  cat >"$folder/ini" <<INI
[databases]
* = host=$services_folder/postgres port=$(cat "$services_folder/postgres.port") user=triproom
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
