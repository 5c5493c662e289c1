# The whole station on a real camera and a real serial port: each is pulled out while it drives, and put back.
# The host plugs the base in and out when this script says so.
. /payload/guest.sh

mkdir -p models/beacon
mv policy.onnx policy.toml tokenizer.json models/beacon/
# The first key is held over everything that happens; only the second, backwards, may move the robot again.
cat >/tmp/keys <<KEYS
1 press w
40 release w
42 press s
45 release s
KEYS
export XDG_STATE_HOME=/tmp/state
log=/tmp/station.log

say "the station starts, its base is not there yet"
pilothouse drive --headless --seconds 48 --script /tmp/keys --camera usb --port usb:0403:6001 --policy beacon \
    --instruction "find the red target" --set policy.library="$(echo /payload/libonnxruntime.so*)" \
    --set camera.width=320 --set camera.height=180 --set camera.rate=10 --set log.level=debug \
    >/tmp/summary 2>/tmp/errors.log &
station=$!
while ! ls /tmp/state/pilothouse/*.log >/dev/null 2>&1; do
    kill -0 $station || fail "the station ended"
    sleep 1
done
ln -s /tmp/state/pilothouse/*.log $log
await $log "no port usb:0403:6001"
await $log "camera vivid-000-vid-cap 320x180@10"

say "the base is plugged in; beacon looks at the camera; a key drives"
echo "HOST: plug"
await $log "base connected"
await $log "inference seq=" 3
await $log "you drive"
sleep 2

say "the base is unplugged while it drives, and comes back"
echo "HOST: unplug"
await $log "/dev/ttyUSB0 is gone"
await $log "standing by"
sleep 2
[ ! -e /dev/ttyUSB0 ] || fail "the adapter is still there"
echo "HOST: plug"
await $log "base connected" 2

say "the camera is unplugged, and comes back"
unplug_camera
await $log "vivid-000-vid-cap is gone"
sleep 1
plug_camera
await $log "camera vivid-000-vid-cap 320x180@10" 2
seen=$(grep -cF "inference seq=" $log)
await $log "inference seq=" $((seen + 5))

say "the second key drives again"
await $log "you drive" 2
wait $station || fail "the station ended with $?"
echo "SUMMARY $(tr -d '\n' </tmp/summary | sed 's/  */ /g')"
say "all good"
