//! Pictures to rows to groups of encoded pictures.

use std::sync::Arc;

use super::Config;
use crate::dataset::DatasetError;
use crate::dataset::journal::Row;
use crate::dataset::lerobot::Histograms;
use crate::dataset::sampler::Sampler;
use crate::dataset::video::{Encoder, Parameters, Unit};
use crate::msg::{Frame, Stamp};

/// A key frame and what depends on it.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) since: Stamp,
    pub(super) parameters: Parameters,
    pub(super) rows: Vec<Row>,
    pub(super) units: Vec<Unit>,
    /// Of the key frame.
    pub(super) histogram: Option<Vec<u32>>,
}

#[derive(Debug)]
pub(super) struct Pictures {
    gop: u32,
    qp: u8,
    is_wanted: bool,
    sampler: Option<Sampler>,
    coder: Option<Coder>,
    group: Option<Group>,
    /// The next picture starts a group.
    is_new: bool,
    n_rows: u64,
    trouble: Option<DatasetError>,
}

struct Coder {
    encoder: Encoder,
    size: (u32, u32),
    gop: usize,
}

impl std::fmt::Debug for Coder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coder").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Pictures {
    pub(super) const fn new(config: &Config) -> Self {
        Self {
            gop: config.gop,
            qp: config.qp,
            is_wanted: false,
            sampler: None,
            coder: None,
            group: None,
            is_new: true,
            n_rows: 0,
            trouble: None,
        }
    }

    pub(super) const fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// Begins or ceases to take pictures. What was not handed out is forgotten.
    pub(super) fn set_wanted(&mut self, is_wanted: bool) {
        if self.is_wanted != is_wanted {
            self.is_wanted = is_wanted;
            self.forget();
        }
    }

    /// A new episode counts its rows from here. Anew: with a grid and a key frame of its own, else
    /// on from the `n_rows` that were handed out before.
    pub(super) fn begin(&mut self, is_anew: bool, n_rows: usize) {
        self.is_wanted = true;
        if is_anew {
            self.forget();
        }
        let n_open = self.group.as_ref().map_or(0, |group| group.rows.len());
        self.n_rows = (n_rows + n_open) as u64;
    }

    fn forget(&mut self) {
        self.sampler = None;
        self.coder = None;
        self.group = None;
    }

    pub(super) const fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// When the newest picture was taken.
    pub(super) fn newest(&self) -> Option<Stamp> {
        self.sampler.as_ref().and_then(Sampler::newest)
    }

    pub(super) fn tick(&mut self, number: u64, now: Stamp) {
        if let Some(sampler) = &mut self.sampler {
            sampler.tick(number, now);
        }
    }

    pub(super) fn frame(&mut self, frame: &Arc<Frame>, fps: u32) {
        let size = (frame.width, frame.height);
        if self.coder.is_none() {
            // A group is at most a quarter of a second: a crash costs no more than half.
            let gop = self.gop.min(fps / 4).max(1);
            match Encoder::new(size.0, size.1, fps, gop, self.qp) {
                Ok(encoder) => self.coder = Some(Coder { encoder, size, gop: gop as usize }),
                Err(error) => return self.trouble = Some(error),
            }
            self.sampler = Some(Sampler::new(fps));
            self.is_new = true;
        }
        let was = self.coder.as_ref().map_or(size, |coder| coder.size);
        if was != size {
            let [(w, h), (x, y)] = [was, size];
            let text = format!("the camera changed its pictures from {w}x{h} to {x}x{y}");
            self.trouble = Some(DatasetError::Refused(text));
        } else if let Some(sampler) = &mut self.sampler {
            sampler.frame(Arc::clone(frame));
        }
    }

    /// Encodes what is known by now; a group, once it is whole.
    pub(super) fn next_group(&mut self) -> Option<Group> {
        let (sampler, coder) = (self.sampler.as_mut()?, self.coder.as_mut()?);
        while let Some(pick) = sampler.next() {
            let unit = match coder.encoder.encode(&pick.frame.rgb, self.is_new) {
                Ok(unit) => unit,
                Err(error) => {
                    self.trouble = Some(error);
                    return None;
                }
            };
            self.is_new = false;
            let done = if unit.is_key { self.group.take() } else { None };
            let group = self.group.get_or_insert_with(|| Group {
                since: pick.row.captured,
                parameters: coder.encoder.parameters().clone(),
                rows: Vec::new(),
                units: Vec::new(),
                histogram: Some(histogram(&pick.frame)),
            });
            group.rows.push(pick.row);
            group.units.push(unit);
            self.n_rows += 1;
            if done.is_some() {
                return done;
            }
            if group.units.len() >= coder.gop {
                self.is_new = true;
                return self.group.take();
            }
        }
        None
    }

    /// Closes the group that is being filled; the next picture starts another one.
    pub(super) const fn end_group(&mut self) -> Option<Group> {
        self.is_new = true;
        self.group.take()
    }

    pub(super) const fn take_trouble(&mut self) -> Option<DatasetError> {
        self.trouble.take()
    }
}

/// Counts of a picture's levels, 256 for each of R, G, B.
fn histogram(frame: &Frame) -> Vec<u32> {
    let mut histograms = Histograms::default();
    histograms.add(&frame.rgb, frame.width as usize);
    histograms.bins.iter().flatten().map(|count| *count as u32).collect()
}
