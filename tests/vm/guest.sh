# Helpers for scripts that run in the virtual machine; `. /payload/guest.sh` reads them.

say() { echo "--- $*"; }

fail() {
    echo "FAILED: $*"
    for log in /tmp/*.log; do
        echo "--- $log"
        tail -n 80 "$log"
    done
    exit 1
}

# expect TEXT COMMAND...: the command succeeds and prints TEXT.
expect() {
    text=$1; shift
    "$@" >/tmp/expect.log 2>&1 || fail "$* ended with $?"
    grep -qF -- "$text" /tmp/expect.log || fail "$* did not print: $text"
}

# refuse TEXT COMMAND...: the command fails by itself and prints TEXT.
refuse() {
    text=$1; shift
    "$@" >/tmp/refuse.log 2>&1
    status=$?
    [ $status -eq 1 ] || fail "$* ended with $status instead of 1"
    grep -qF -- "$text" /tmp/refuse.log || fail "$* did not print: $text"
}

# await FILE TEXT [TIMES]: TEXT stands in FILE that many times.
await() {
    for _ in $(seq 120); do
        [ "$(grep -cF -- "$2" "$1")" -ge "${3:-1}" ] && return
        sleep 1
    done
    fail "$1 never said: $2"
}

camera_control() { v4l2-ctl -d /dev/video0 -c "$1" || fail "control $1"; }
unplug_camera() { echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind; }
plug_camera() { echo vivid.0 >/sys/bus/platform/drivers/vivid/bind; }

# vivid INPUT_TYPE: loads the camera anew; 0 is a webcam, 1 a television tuner.
vivid() {
    rmmod vivid
    insmod /modules/vivid.ko n_devs=1 node_types=0x1 num_inputs=1 input_types="$1" vid_cap_nr=0 no_error_inj=0
}
