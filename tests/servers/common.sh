# Sourced by every NAME/start and NAME/stop here. No set -e: callers do that.
#
# start options:
#   --port N   --free-port (a random one with free ones after it)
#   --data DIR   --fresh (wipe DIR first)
#   --no-install (fail instead of calling apt)   --quiet (print nothing)
# stop options: --data DIR, --wipe (remove DIR afterwards), --kill (SIGKILL at once: fast, loses what
# is not yet written), --quiet
#
# Everything a server writes is under DATA: DATA/pids/*.pid, DATA/log/*.log,
# and DATA/env, which a test can source (ENDPOINT, ACCESS_KEY, SECRET_KEY, ...).

HERE=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
NAME=$(basename "$HERE")
EXTRA_ARGS=()                                   # what parse_args did not know
FRESH=0 FREE=0 INSTALL=1 QUIET=0 WIPE=0 KILL=0

usage() { echo "$NAME: unknown option $1; the first lines of the script say which there are" >&2; exit 2; }

parse_args() {                                  # parse_args DEFAULT_PORT "$@"
  PORT=$1; shift
  DATA=${TMPDIR:-/tmp}/pklbrowse-$NAME
  while [ $# -gt 0 ]; do
    case $1 in
      --port) PORT=$2; shift 2 ;;
      --free-port) FREE=1; shift ;;
      --data) DATA=$2; shift 2 ;;
      --fresh) FRESH=1; shift ;;
      --wipe) WIPE=1; shift ;;
      --kill) KILL=1; shift ;;
      --no-install) INSTALL=0; shift ;;
      --quiet) QUIET=1; shift ;;
      *) EXTRA_ARGS+=("$1"); shift ;;
    esac
  done
  DATA=$(realpath -m "$DATA")
  case $DATA in /|/root|/home|/tmp|/usr*|/etc*) echo "refusing data dir $DATA" >&2; exit 2 ;; esac
}

# Only a folder that a start script of ours made, or an empty one, is ever removed.
wipe_data() {
  [ -e "$DATA" ] || return 0
  [ -e "$DATA/.pklbrowse-server" ] || rmdir "$DATA" 2>/dev/null || die "$DATA is no data folder of a test server"
  rm -rf "$DATA"
}
make_data() { mkdir -p "$DATA" && touch "$DATA/.pklbrowse-server"; }

say() { [ "$QUIET" = 1 ] || echo "$@"; }
die() { echo "$NAME: $*" >&2; KILL=1; stop_pids; exit 1; }    # leaves nothing running

pid_alive() {                                   # pid_alive PIDFILE: running, and ours
  local p; p=$(cat "$1" 2>/dev/null) || return 1
  [ -n "$p" ] && kill -0 "$p" 2>/dev/null || return 1
  # a recycled pid is not ours: the environment or command line must name DATA
  { tr '\0' '\n' <"/proc/$p/environ"; } 2>/dev/null | grep -qxF "PKLB_DATA=$DATA" && return 0
  { tr '\0' ' ' <"/proc/$p/cmdline"; } 2>/dev/null | grep -qF "$DATA"
}

running() {                                     # every pidfile named is alive
  local n; for n in "$@"; do pid_alive "$DATA/pids/$n.pid" || return 1; done
}

daemon() {                                      # daemon NAME CMD...: start, detached, with a pidfile
  local n=$1; shift
  mkdir -p "$DATA/pids" "$DATA/log"
  PKLB_DATA=$DATA setsid "$@" </dev/null >>"$DATA/log/$n.log" 2>&1 &
  echo $! >"$DATA/pids/$n.pid"
}

stop_pids() {                                   # TERM in reverse start order, wait 10 s, then KILL
  local f p i
  for f in $(ls -t "$DATA"/pids/*.pid 2>/dev/null); do
    if pid_alive "$f"; then
      p=$(cat "$f")
      if [ "$KILL" = 1 ]; then kill -KILL -- "-$p" 2>/dev/null; else kill -TERM "$p" 2>/dev/null; fi
      for i in $(seq 100); do kill -0 "$p" 2>/dev/null || break; sleep .1; done
      kill -0 "$p" 2>/dev/null && { kill -KILL -- "-$p" 2>/dev/null || kill -KILL "$p" 2>/dev/null; }
    fi
    rm -f "$f"
  done
  return 0
}

wait_http() {                                   # wait_http URL SECONDS [CURL ARG...]: any HTTP answer will do
  local url=$1 t=$2 i; shift 2
  for i in $(seq $((t * 20))); do
    curl -s -k -o /dev/null -m 2 "$@" "$url" && return 0
    sleep .05
  done
  return 1
}

port_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_ports() {                                  # free_ports N: the first of N free ports in a row
  local try i p
  for try in $(seq 100); do
    p=$((20000 + RANDOM % 10000))
    for i in $(seq 0 $(($1 - 1))); do port_free $((p + i)) || continue 2; done
    echo "$p"; return 0
  done
  return 1
}

apt_need() {                                    # apt_need PKG...: install what is missing, starting no service
  local miss=() p
  for p in "$@"; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || miss+=("$p")
  done
  [ ${#miss[@]} = 0 ] && return 0
  [ "$INSTALL" = 1 ] || die "missing packages: ${miss[*]}"
  local made=0
  if [ ! -e /usr/sbin/policy-rc.d ]; then       # no daemon is to be started by a package
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; made=1
  fi
  export DEBIAN_FRONTEND=noninteractive
  local log=${TMPDIR:-/tmp}/pklbrowse-apt.$$.log rc=0
  { apt-get install -y --no-install-recommends "${miss[@]}" ||
    { apt-get update && apt-get install -y --no-install-recommends "${miss[@]}"; }; } >"$log" 2>&1 || rc=$?
  [ $made = 1 ] && rm -f /usr/sbin/policy-rc.d
  [ $rc = 0 ] || { tail -20 "$log" >&2; die "apt-get install failed: ${miss[*]}"; }
  rm -f "$log"
}

put_env() {                                     # put_env KEY=VALUE...: DATA/env, and on the terminal
  printf '%s\n' "$@" >"$DATA/env"
  [ "$QUIET" = 1 ] || cat "$DATA/env"
}

standard_stop() {
  parse_args 0 "$@"
  [ ${#EXTRA_ARGS[@]} = 0 ] || usage "${EXTRA_ARGS[0]}"
  stop_pids
  [ "$WIPE" = 0 ] || wipe_data
  say "$NAME stopped"
}
