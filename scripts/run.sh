#!/bin/bash
# Starts a server with real sample events in it, for `make run`.
#
# The data stays in ./data between runs, and the samples are imported once. This shell becomes the server at the end,
# so Ctrl-C reaches it alone and directly; the import is a helper beside it.
set -euo pipefail
cd "$(dirname "$0")/.."

listen=${LISTEN:-127.0.0.1:8080}
data=${DATA:-data}
binary=target/release/indelible
host=${listen%:*}
port=${listen##*:}

mkdir -p "$data"
key_file=$data/admin.key
if [ ! -s "$key_file" ]; then
    # Written whole or not at all: half a key would be a weak one.
    (umask 077 && od -An -N24 -tx1 /dev/urandom | tr -d ' \n' | sed 's/^/admin-/' >"$key_file.new")
    mv "$key_file.new" "$key_file"
fi

# Asks /readyz over bash's own socket, since curl may not be there.
is_ready() {
    local status
    exec 3<>"/dev/tcp/$host/$port" || return 1
    printf 'GET /readyz HTTP/1.0\r\nHost: %s\r\n\r\n' "$listen" >&3
    read -r status <&3 || return 1
    exec 3>&-
    [[ $status == *' 200 '* ]]
} 2>/dev/null

# Imports a sample; ends with the server, which gets no second Ctrl-C to wait for.
import_sample() {
    local server=$1 format=$2 file=testdata/events/$3
    # The tenants are those that the records name; auditing is switched on for each.
    "$binary" import --format "$format" --create-tenants "$file" &
    local import=$!
    while kill -0 "$import" 2>/dev/null; do
        kill -0 "$server" 2>/dev/null || kill "$import" 2>/dev/null || :
        sleep 0.1
    done
    wait "$import"
}

import_samples() {
    # The notes of how far an import came live and die with the data that they are about.
    export INDELIBLE_URL=http://$listen INDELIBLE_KEY XDG_STATE_HOME=$data/import-notes
    INDELIBLE_KEY=$(<"$key_file")
    import_sample "$1" aws-cloudtrail aws-cloudtrail.ndjson && import_sample "$1" wikipedia wikipedia-edits.ndjson
}

say_what_to_try() {
    cat >&2 <<EOF

  Indelible    http://$listen/?since=ever&application=!indelible
               The samples are of 2015 and 2023; without a range the page shows the last 24 hours.
  key          $(<"$key_file")   (everything; kept in $key_file)

  Open the address and sign in, in one of two ways:

    account    open the /set-up link that the server printed above and make one, then the address; from then on, username
               and password
    key        "Sign in with an API key instead"; while there is no account, the page asks for the key at once

  Or, in another terminal:

    export INDELIBLE_URL=http://$listen INDELIBLE_KEY=\$(cat $key_file) PATH="\$PATH:$PWD/target/release"
    indelible search --limit 10 outcome=failure
    echo '{"tenant":"en.wikipedia","action":"user.delete","actor":{"username":"ada"}}' | indelible send -
    indelible verify --url \$INDELIBLE_URL

  Ctrl-C stops the server; everything stays in $data/.

EOF
}

# Waits for the server, whose process id is given, and fills it once.
help_along() {
    local server=$1
    until (is_ready); do
        kill -0 "$server" 2>/dev/null || return 0
        sleep 0.1
    done
    if [ ! -e "$data/samples-imported" ]; then
        echo "importing sample events" >&2
        if ! import_samples "$server"; then
            echo "error: the sample events were not imported; the next \`make run\` goes on with it" >&2
            return
        fi
        touch "$data/samples-imported"
    fi
    say_what_to_try
}

help_along $$ &
unset INDELIBLE_ADMIN_KEY
INDELIBLE_ADMIN_KEY_FILE=$key_file exec "$binary" serve --data "$data" --listen "$listen"
