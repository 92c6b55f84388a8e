#!/bin/bash
# A terminal of tmux shows what the program prints there, in UTF-8: the ground of the other tests.
set -u
passed=0 failed=0
tm() { tmux -S "$TEST_TMP/tmux" -f /dev/null -u "$@"; }
trap 'tm kill-server 2>/dev/null' EXIT

check() {       # check NAME PATTERN: the screen shows a line that matches
    if tm capture-pane -p -t t | grep -q "$2"; then
        passed=$((passed + 1))
    else
        echo "$1: not on the screen:"; tm capture-pane -p -t t; failed=$((failed + 1))
    fi
}

export LC_ALL=C.UTF-8
tm new-session -d -s t -x 80 -y 24 \
    "'$PKLBROWSE' --version; printf '작업결과 é\n'; tmux -S '$TEST_TMP/tmux' wait-for -S shown; read -r line"
tm wait-for shown
for try in $(seq 50); do        # the pane's text is parsed by the server a moment later
    tm capture-pane -p -t t | grep -q '작업결과' && break
    sleep 0.1
done
check 'the version' '^pklbrowse [0-9]'
check 'wide characters' '^작업결과 é$'
echo "$passed passed, $failed failed"
[ $failed = 0 ]
