# A real V4L2 camera through everything that happens to cameras.
. /payload/guest.sh
watch="pilothouse camera watch"
size="--width 640 --height 480 --rate 25"

say "listed, with what it offers"
expect "usb:0 vivid-000-vid-cap (/dev/video0)" pilothouse camera list
expect "YUYV 640x480 @" pilothouse camera list

say "every format this program knows"
for format in yuyv nv12 rgb bgr; do
    expect "good: 20 pictures of 640x480" $watch usb --format $format $size --frames 20 --seconds 90
done
refuse "does not offer MJPEG" $watch usb --format mjpeg --frames 1 --seconds 3

say "chosen by index, name, path and link; the nearest size is taken"
mkdir -p /dev/v4l/by-id
ln -s ../../video0 /dev/v4l/by-id/usb-vivid-index0
for source in usb:0 usb:VIVID /dev/video0 /dev/v4l/by-id/usb-vivid-index0; do
    expect "good: 3 pictures of 640x360" $watch $source --width 600 --height 350 --rate 10 --frames 3 --seconds 90
done
expect "/dev/v4l/by-id/usb-vivid-index0" pilothouse camera list
refuse "there is no such camera; there are usb:0 vivid" $watch usb:7 --frames 1 --seconds 2
refuse "there is no such camera" $watch usb:nikon --frames 1 --seconds 2
refuse "No such file" $watch /dev/video9 --frames 1 --seconds 2

say "left at a rate that is no whole number by another program"
v4l2-ctl -d /dev/video0 -v width=640,height=480,pixelformat=YUYV -p 12.5 >/dev/null
expect "good: 5 pictures" $watch usb $size --frames 5 --seconds 90

say "in use by another program"
$watch usb $size >/tmp/busy.log 2>&1 &
first=$!
await /tmp/busy.log "pictures,"
refuse "another program is using it" $watch usb $size --frames 1 --seconds 3
expect "CANNOT BE OPENED: another program is using it" pilothouse camera list
kill $first
wait $first

say "unplugged and plugged in again"
$watch usb $size >/tmp/unplug.log 2>&1 &
first=$!
await /tmp/unplug.log "pictures,"
unplug_camera
await /tmp/unplug.log "is gone"
expect "no camera is attached" pilothouse camera list
plug_camera
await /tmp/unplug.log "camera vivid-000-vid-cap 640x480@25" 2
before=$(grep -c "pictures," /tmp/unplug.log)
await /tmp/unplug.log "pictures," $((before + 2))
kill -0 $first || fail "the watcher died"

say "the stream breaks in the driver"
camera_control inject_fatal_streaming_error=1
await /tmp/unplug.log "is gone" 2
await /tmp/unplug.log "camera vivid-000-vid-cap 640x480@25" 3
kill $first
wait $first

say "stalled: no picture leaves the driver, then they flow again"
vivid 0
$watch usb $size >/tmp/stall.log 2>&1 &
first=$!
await /tmp/stall.log "pictures,"
camera_control percentage_of_dropped_buffers=100
await /tmp/stall.log "no picture for 3 s"
await /tmp/stall.log "the camera hangs"
camera_control percentage_of_dropped_buffers=0
await /tmp/stall.log "camera vivid-000-vid-cap 640x480@25" 2
last=$(sed -n 's/ pictures,.*//p' /tmp/stall.log | tail -n 1)
for _ in $(seq 60); do
    now=$(sed -n 's/ pictures,.*//p' /tmp/stall.log | tail -n 1)
    [ "$now" -gt "$((last + 5))" ] && break
    sleep 1
done
[ "$now" -gt "$((last + 5))" ] || fail "pictures did not come back"
kill $first
wait $first

say "a television tuner, whose rate cannot be made whole, is refused clearly"
vivid 1
v4l2-ctl -d /dev/video0 -s ntsc-m >/dev/null
refuse "30000/1001 frames/s is not given as a whole number" $watch usb --width 720 --height 480 --frames 1 --seconds 3
say "all good"
