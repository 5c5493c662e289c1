//! The station's end of the simulator's stream: its camera, and what became of the attempt.

use std::io::{self, Read};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::packet::{self, BODY_MAX, FRAME_HEAD, Hello, Status};
use crate::camera::{Camera, CameraError, CameraInfo, Grabbed};
use crate::msg::Frame;

/// What a broken stream looks like.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("the simulator's stream ended: {0}")]
    Io(#[from] io::Error),
    #[error("the simulator sent a packet that is none: {0}")]
    Malformed(String),
}

/// One simulator's stream, read by one thread and looked at by others.
#[derive(Debug, Default)]
pub struct Link {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    camera: CameraInfo,
    /// Number of the newest picture whose head arrived; 0 before the first.
    announced: u64,
    /// The newest whole picture and its number.
    picture: (u64, Vec<u8>),
    /// The memory of the picture before, for the next one.
    spare: Vec<u8>,
    size: (u32, u32),
    status: Option<Status>,
    is_gone: bool,
    /// Why no more will come.
    ended: Option<String>,
}

impl Link {
    /// Reads the hello that every stream begins with.
    ///
    /// # Errors
    /// The stream ended or begins with something else.
    pub fn hello(&self, stream: &mut impl Read) -> Result<Hello, LinkError> {
        let (tag, length) = read_head(stream)?;
        if tag != packet::HELLO {
            return Err(LinkError::Malformed(format!("{tag:?} instead of a hello")));
        }
        let hello: Hello = json(&read_body(stream, length)?)?;
        let mut state = self.lock();
        state.camera = CameraInfo {
            name: "camera of the simulated robot".to_owned(),
            path: "sim".to_owned(),
            width: hello.camera.width,
            height: hello.camera.height,
            rate: hello.camera.rate,
            format: "RGB".to_owned(),
        };
        Ok(hello)
    }

    /// Takes in packets until the stream ends; who waits for a picture then hears why.
    pub fn run(&self, mut stream: impl Read) {
        let error = loop {
            if let Err(error) = self.take_packet(&mut stream) {
                break error;
            }
        };
        self.change(|state| state.ended = Some(error.to_string()));
    }

    /// The newest true state.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.lock().status
    }

    fn take_packet(&self, stream: &mut impl Read) -> Result<(), LinkError> {
        let (tag, length) = read_head(stream)?;
        match tag {
            packet::FRAME => self.take_frame(stream, length),
            packet::STATUS => {
                let status = json(&read_body(stream, length)?)?;
                self.change(|state| state.status = Some(status));
                Ok(())
            }
            packet::GONE => {
                read_body(stream, length)?;
                self.change(|state| state.is_gone = true);
                Ok(())
            }
            _ => Err(LinkError::Malformed(format!("tag {tag:?}"))),
        }
    }

    fn take_frame(&self, stream: &mut impl Read, length: usize) -> Result<(), LinkError> {
        let mut head = [0; FRAME_HEAD];
        stream.read_exact(&mut head)?;
        let [n0, n1, n2, n3, n4, n5, n6, n7, w0, w1, w2, w3, h0, h1, h2, h3] = head;
        let number = u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]);
        let width = u32::from_le_bytes([w0, w1, w2, w3]);
        let height = u32::from_le_bytes([h0, h1, h2, h3]);
        let bytes = width as usize * height as usize * 3;
        if length != FRAME_HEAD + bytes {
            return Err(LinkError::Malformed(format!("{length} bytes for {width}x{height}")));
        }
        let mut pixels = Vec::new();
        self.change(|state| {
            state.is_gone = false;
            state.announced = number;
            pixels = mem::take(&mut state.spare);
        });
        pixels.resize(bytes, 0);
        stream.read_exact(&mut pixels)?;
        self.change(|state| {
            state.spare = mem::replace(&mut state.picture, (number, pixels)).1;
            state.size = (width, height);
        });
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_head(stream: &mut impl Read) -> Result<([u8; 4], usize), LinkError> {
    let mut head = [0; 8];
    stream.read_exact(&mut head)?;
    let [t0, t1, t2, t3, l0, l1, l2, l3] = head;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if length > BODY_MAX {
        return Err(LinkError::Malformed(format!("{length} bytes")));
    }
    Ok(([t0, t1, t2, t3], length))
}

fn read_body(stream: &mut impl Read, length: usize) -> Result<Vec<u8>, LinkError> {
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn json<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, LinkError> {
    serde_json::from_slice(body).map_err(|error| LinkError::Malformed(error.to_string()))
}

/// The simulated robot's camera.
#[derive(Debug)]
pub struct SimCamera {
    link: Arc<Link>,
    info: CameraInfo,
    seen: u64,
}

impl SimCamera {
    /// Opens the camera.
    ///
    /// # Errors
    /// It is unplugged, or the simulator ended.
    pub fn open(link: &Arc<Link>) -> Result<Self, CameraError> {
        let state = link.lock();
        let reason = state.ended.clone().or_else(|| state.is_gone.then(|| "unplugged".to_owned()));
        if let Some(reason) = reason {
            return Err(CameraError::Open {
                camera: "sim".to_owned(),
                reason,
                remedy: "plug it in again, or start the station again".to_owned(),
            });
        }
        Ok(Self { link: Arc::clone(link), info: state.camera.clone(), seen: state.announced })
    }
}

fn gone(state: &State) -> Option<CameraError> {
    let reason = state.ended.clone().or_else(|| state.is_gone.then(|| "unplugged".to_owned()))?;
    Some(CameraError::Gone { camera: "sim".to_owned(), reason })
}

impl Camera for SimCamera {
    fn info(&self) -> &CameraInfo {
        &self.info
    }

    fn grab(&mut self) -> Result<Grabbed, CameraError> {
        let waits = |state: &mut State| gone(state).is_none() && state.announced <= self.seen;
        let state = self.link.changed.wait_while(self.link.lock(), waits);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = gone(&state) {
            return Err(error);
        }
        self.seen = state.announced;
        Ok(Grabbed { device_seq: Some(self.seen), ..Grabbed::default() })
    }

    fn retrieve(&mut self, frame: &mut Frame) -> Result<(), CameraError> {
        let waits = |state: &mut State| gone(state).is_none() && state.picture.0 < self.seen;
        let state = self.link.changed.wait_while(self.link.lock(), waits);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        if state.picture.0 < self.seen
            && let Some(error) = gone(&state)
        {
            return Err(error);
        }
        let (width, height) = state.size;
        frame.resize(width, height);
        if frame.rgb.len() == state.picture.1.len() {
            frame.rgb.copy_from_slice(&state.picture.1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(pictures: &[u64]) -> Vec<u8> {
        let body = serde_json::to_vec(&Hello::default()).unwrap();
        let mut bytes = packet::head(packet::HELLO, body.len()).to_vec();
        bytes.extend(body);
        for &number in pictures {
            bytes.extend(packet::head(packet::FRAME, FRAME_HEAD + 12));
            bytes.extend(packet::frame_head(number, 2, 2));
            bytes.extend([number as u8; 12]);
        }
        bytes
    }

    #[test]
    fn pictures_arrive_whole_and_the_end_is_told() {
        // The simulated robot would be blind, or its end would look like a camera that hangs.
        let bytes = stream(&[1, 2]);
        let mut bytes = bytes.as_slice();
        let link = Arc::new(Link::default());
        link.hello(&mut bytes).unwrap();
        let mut camera = SimCamera::open(&link).unwrap();
        link.take_packet(&mut bytes).unwrap();
        assert_eq!(camera.grab().unwrap().device_seq, Some(1));
        let mut frame = Frame::default();
        camera.retrieve(&mut frame).unwrap();
        assert_eq!((frame.width, frame.height, frame.rgb), (2, 2, vec![1; 12]));
        link.run(bytes);
        assert!(matches!(camera.grab(), Err(CameraError::Gone { .. })));
        assert!(SimCamera::open(&link).is_err());
    }

    #[test]
    fn an_unplugged_camera_is_gone_until_its_next_picture() {
        // Reconnecting could not be tried on the simulated robot.
        let link = Arc::new(Link::default());
        let mut bytes = packet::head(packet::GONE, 0).to_vec();
        link.take_packet(&mut bytes.as_slice()).unwrap();
        assert!(SimCamera::open(&link).is_err());
        bytes = stream(&[7]);
        let mut rest = bytes.as_slice();
        link.hello(&mut rest).unwrap();
        link.take_packet(&mut rest).unwrap();
        assert!(SimCamera::open(&link).is_ok());
    }

    #[test]
    fn every_broken_stream_is_an_error() {
        // A crash of the simulator would take the station with it.
        let whole = stream(&[3]);
        for end in 0..whole.len() {
            let link = Link::default();
            let mut bytes = &whole[..end];
            let result = link.hello(&mut bytes).and_then(|_| link.take_packet(&mut bytes));
            assert!(result.is_err(), "cut at {end}");
        }
        let link = Link::default();
        for head in [packet::head(packet::FRAME, BODY_MAX + 1), packet::head(*b"NOPE", 0)] {
            assert!(matches!(link.take_packet(&mut &head[..]), Err(LinkError::Malformed(_))));
        }
    }
}
