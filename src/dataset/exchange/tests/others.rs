use std::collections::BTreeMap;

use mcap::MessageStream;
use openh264::decoder::Decoder;
use openh264::formats::YUVSource;

use super::{HEIGHT, TASK, WIDTH, dataset, difference, picture, shown};
use crate::dataset::exchange::{Format, export};
use crate::dataset::video::VideoFile;

#[test]
fn a_folder_of_pictures_and_a_table() {
    // Whoever has no reader for datasets could not use an episode.
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let dataset = dataset(&dir.path().join("set"), 4, None);
    export(&dataset, 0, Format::JpegDir, &out).unwrap();
    for (i, rgb) in shown(&dataset, 4).iter().enumerate() {
        let jpeg = image::open(out.join(format!("frame-{i:06}.jpg"))).unwrap().into_rgb8();
        assert!(difference(rgb, jpeg.as_raw()) < 3.0, "picture {i}");
    }
    let rows = std::fs::read_to_string(out.join("rows.csv")).unwrap();
    let mut lines = rows.lines();
    let names: Vec<_> = lines.next().unwrap().split(',').collect();
    assert_eq!(
        names[..3],
        ["observation.state.x.vel", "observation.state.y.vel", "observation.state.theta.vel"]
    );
    assert_eq!(names.last(), Some(&"task"));
    let row = lines.nth(2).unwrap();
    assert!(row.starts_with("0.5,0.02,0,0.5,0.02,0,0,0,0,true,"), "{row}");
    assert!(row.ends_with(",2,0,2,0,\"컵까지, \"\"left\"\" side\""), "{row}");
    assert_eq!(rows.lines().count(), 5);
    let described = std::fs::read(out.join("episode.json")).unwrap();
    let described: serde_json::Value = serde_json::from_slice(&described).unwrap();
    assert_eq!(described["fps"], 5);
    assert_eq!(described["success"], true);
    assert_eq!(described["tasks"], serde_json::json!([TASK]));
}

#[test]
fn a_time_line_with_video_and_columns() {
    // Foxglove and Rerun would show nothing, or at the wrong time.
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.mcap");
    let dataset = dataset(&dir.path().join("set"), 8, None);
    export(&dataset, 0, Format::Mcap, &out).unwrap();
    let bytes = std::fs::read(&out).unwrap();
    let messages: Vec<_> = MessageStream::new(&bytes).unwrap().map(Result::unwrap).collect();
    let mut counts = BTreeMap::new();
    for message in &messages {
        *counts.entry(message.channel.topic.as_str()).or_insert(0) += 1;
        assert_eq!(message.channel.schema.as_ref().unwrap().encoding, "protobuf");
    }
    let expected = [
        ("/action", 8),
        ("/observation.images.front", 8),
        ("/observation.state", 8),
        ("/operator_action", 8),
        ("/policy_action", 4),
        ("/row", 8),
    ];
    assert_eq!(counts, BTreeMap::from(expected));

    let start = 1_777_975_200_000_000_000;
    let times = |topic: &str| -> Vec<u64> {
        let of = messages.iter().filter(|message| message.channel.topic == topic);
        of.map(|message| message.log_time - start).collect()
    };
    let steps: Vec<u64> = (0..8).map(|i| i * 200_000_000).collect();
    assert_eq!(times("/observation.images.front"), steps);
    assert_eq!(times("/row"), steps.iter().map(|time| time + 5_000_000).collect::<Vec<_>>());

    let video = messages.iter().filter(|m| m.channel.topic == "/observation.images.front");
    let mut decoder = Decoder::new().unwrap();
    for (i, (message, rgb)) in video.zip(shown(&dataset, 8)).enumerate() {
        assert_eq!(message.channel.schema.as_ref().unwrap().name, "foxglove.CompressedVideo");
        let stream = &field(&message.data, 3);
        assert_eq!(stream[..4], [0, 0, 0, 1]);
        let shown = decoder.decode(stream).unwrap().expect("each message shows a frame");
        let mut own = vec![0; (WIDTH * HEIGHT * 3) as usize];
        shown.write_rgb8(&mut own);
        assert!(difference(&own, &rgb) < 2.0 && difference(&own, &picture(i)) < 4.0, "{i}");
        assert_eq!(shown.dimensions(), (WIDTH as usize, HEIGHT as usize));
    }
}

#[test]
fn only_what_a_player_can_take_is_copied() {
    // A player would get frames that refer to what it never saw.
    let dir = tempfile::tempdir().unwrap();
    let dataset = dataset(&dir.path().join("set"), 8, None);
    let (path, _) = dataset.video_path(0, "observation.images.front").unwrap();
    let mut file = VideoFile::open(&path).unwrap();
    assert!(file.is_stream(0..8));
    assert!(file.is_stream(3..5), "groups are of three");
    assert!(!file.is_stream(1..8));
    assert!(!file.is_stream(6..9) && !file.is_stream(3..3));
}

/// The bytes of a field of a message in which all fields are bytes.
fn field(message: &[u8], wanted: u8) -> Vec<u8> {
    let mut rest = message;
    while let Some((key, tail)) = rest.split_first() {
        let (mut length, mut shift, mut at) = (0usize, 0, 0);
        loop {
            length |= usize::from(tail[at] & 0x7f) << shift;
            (shift, at) = (shift + 7, at + 1);
            if tail[at - 1] < 0x80 {
                break;
            }
        }
        let (value, tail) = tail[at..].split_at(length);
        if key >> 3 == wanted {
            return value.to_vec();
        }
        rest = tail;
    }
    panic!("no field {wanted}");
}
