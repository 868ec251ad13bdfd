#!/bin/sh
# Postfix of the machine's package as a peer in `postern-bench whole`, in a folder of its own:
# everything goes to the sink on loopback, no DNS, no TLS. Needs root; touches nothing of an
# installed Postfix.
#
#   postfix.sh start|stop FOLDER PORT SINK_PORT
set -eu
verb=$1 folder=$2 port=$3 sink=$4
etc=$folder/etc

case $verb in
start)
    mkdir -p "$etc" "$folder/queue" "$folder/data"
    # Its processes run as `postfix` and must reach the folder.
    chmod 755 "$folder" "$(dirname "$folder")"
    chown postfix "$folder/data"
    cat >"$etc/main.cf" <<END
compatibility_level = 3.6
queue_directory = $folder/queue
data_directory = $folder/data
maillog_file = $folder/log
maillog_file_prefixes = /
myhostname = relay.example.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
relayhost = [127.0.0.1]:$sink
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_tls_security_level = none
smtp_tls_security_level = none
default_process_limit = 250
default_destination_concurrency_limit = 50
initial_destination_concurrency = 20
in_flow_delay = 0
END
    # The package's services, none in a chroot, smtpd on our port.
    sed -E "s/^smtp( +inet +[a-z-] +[a-z-] +)[a-z-]/127.0.0.1:$port\1n/;
        s/^([a-z0-9.:]+ +(inet|unix) +[a-z-] +[a-z-] +)y/\1n/" \
        /etc/postfix/master.cf >"$etc/master.cf"
    grep -q '^postlog' "$etc/master.cf" ||
        echo 'postlog unix-dgram n - n - 1 postlogd' >>"$etc/master.cf"
    postfix -c "$etc" start
    ;;
stop)
    postfix -c "$etc" stop
    ;;
esac
