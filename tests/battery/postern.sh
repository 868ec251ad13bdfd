#!/bin/sh
# Runs the relay for the battery.  postern.sh start|stop|kill|reload|upgrade|pids|queue|held|spool|unspool|snapshot|restore
# POSTERN: the binary (default: postern in PATH). BATTERY_WORK: folder for config, data and log (default by offset).
# "spool" (root, once) puts the data folder on a 96 MB ext4 image and prints the line to export: it lets the disk-full and
# power-loss cases run. From the battery's own target; postern.toml.in says what is ours.
P=${POSTERN:-postern}; O=${BATTERY_OFFSET:-0}; W=${BATTERY_WORK:-/tmp/postern-battery-$O}; D=$(cd "$(dirname "$0")" && pwd)
PID=$W/relay.pid; IMG=$W/spool.img
alive() { [ -f "$PID" ] && kill -0 "$(cat "$PID")" 2>/dev/null; }
setup() {
  mkdir -p "$W/data"
  [ -s "$W/relay.key" ] || openssl req -x509 -newkey rsa:2048 -nodes -keyout "$W/relay.key" -out "$W/relay.crt" -days 3650 -subj /CN=relay.test 2>/dev/null
  cp "$D/customers.jsonl" "$W/customers.jsonl"
  echo 'cust1@customer.example:$2b$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u' > "$W/passwords"      # bcrypt of "secret"
  sed -e "s|@WORK@|$W|g" -e "s|@DATA@|$W/data|g" -e "s|@PORT@|$((27205 + O))|" -e "s|@TLS_PORT@|$((27206 + O))|" \
      -e "s|@UPSTREAM_A@|$((27211 + O))|" -e "s|@UPSTREAM_B@|$((27212 + O))|" "$D/postern.toml.in" > "$W/postern.toml"
}
case $1 in
start) alive && exit 0; command -v "$P" >/dev/null || { echo "no $P here: set POSTERN to the binary"; exit 1; }
  setup; setsid "$P" serve --config "$W/postern.toml" </dev/null >>"$W/relay.log" 2>&1 & echo $! > "$PID";;
stop) alive && kill -TERM "$(cat "$PID")"; n=0; while alive && [ $n -lt 300 ]; do sleep 0.1; n=$((n + 1)); done;;
kill) [ -f "$PID" ] && kill -9 "$(cat "$PID")"; rm -f "$PID"; exit 0;;
reload) kill -HUP "$(cat "$PID")";;
upgrade) old=$(cat "$PID"); setsid "$P" serve --config "$W/postern.toml" </dev/null >>"$W/relay.log" 2>&1 & echo $! > "$PID"; sleep 1; kill -TERM "$old";;
pids) alive && cat "$PID";;
queue) "$P" queue list --config "$W/postern.toml" --json | wc -l;;
held) "$P" quarantine list --config "$W/postern.toml" --json;;
spool) mkdir -p "$W/data"; truncate -s 96M "$IMG"; mkfs.ext4 -q -F -N 20000 "$IMG" && mount -o loop,commit=300 "$IMG" "$W/data" && echo "export BATTERY_SPOOL=$W/data";;
unspool) umount "$W/data";;
snapshot) cp --sparse=always "$IMG" "$IMG.snap";;
restore) umount "$W/data" && cp --sparse=always "$IMG.snap" "$IMG" && mount -o loop,commit=300 "$IMG" "$W/data";;
*) sed -n 2,6p "$0"; exit 64;;
esac
