//! Random access to rows and their pictures, for training.
//!
//! Columns stay in memory; pictures are decoded when they are asked for, by several threads, made
//! ready by the caller's function (resized, say), and kept while there is room. Safe to share.
//!
//! Deliberately absent: which rows make a sample, and what is done with them.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::lerobot::EpisodeVideo;
use super::table::Table;
use super::{Dataset, DatasetError};

/// Makes of a decoded picture (RGB, width, height) what is handed out and kept.
pub type Prepare = dyn Fn(&[u8], u32, u32) -> Vec<u8> + Send + Sync;

/// A picture and its place among those asked for.
type Placed = (usize, Arc<[u8]>);

/// Open video files for each thread; a decoder holds a few pictures.
const OPEN_MAX: usize = 4;

/// A row of the dataset: its episode and its number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId {
    pub episode: usize,
    pub row: usize,
}

/// See the module.
pub struct Loader {
    dataset: Dataset,
    camera: String,
    prepare: Box<Prepare>,
    /// One for each thread that may decode: its open files, the newest last.
    desks: Vec<Mutex<Vec<(usize, EpisodeVideo)>>>,
    tables: Vec<Table>,
    cache: Mutex<Cache>,
}

/// Prepared pictures, the oldest leaves first.
#[derive(Default)]
struct Cache {
    pictures: HashMap<RowId, Arc<[u8]>>,
    order: VecDeque<RowId>,
    n_bytes: usize,
    n_bytes_max: usize,
}

impl Loader {
    /// Reads the columns of all episodes. `threads` decode at most; `cache_bytes` of prepared
    /// pictures are kept.
    ///
    /// # Errors
    /// The dataset cannot be read, or has no camera.
    pub fn open(
        root: &Path,
        threads: usize,
        cache_bytes: usize,
        prepare: Box<Prepare>,
    ) -> Result<Self, DatasetError> {
        let dataset = Dataset::open(root)?;
        let camera = dataset.cameras().into_iter().next().ok_or_else(|| {
            DatasetError::Refused(format!("{} has no videos to load", root.display()))
        })?;
        let tables = dataset.all_rows()?;
        Ok(Self {
            tables,
            desks: (0..threads.max(1)).map(|_| Mutex::default()).collect(),
            cache: Mutex::new(Cache { n_bytes_max: cache_bytes, ..Cache::default() }),
            dataset,
            camera,
            prepare,
        })
    }

    #[must_use]
    pub const fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The columns of an episode, a value for each row.
    #[must_use]
    pub fn table(&self, episode: usize) -> Option<&Table> {
        self.tables.get(episode)
    }

    /// Every row, in order.
    pub fn rows(&self) -> impl Iterator<Item = RowId> {
        self.tables
            .iter()
            .enumerate()
            .flat_map(|(episode, table)| (0..table.n_rows()).map(move |row| RowId { episode, row }))
    }

    /// Episodes to learn from, and episodes held out to examine with: about `share` of them. An
    /// episode stays on its side whatever is added or merged, and the parts of one recording are on
    /// the same side.
    #[must_use]
    pub fn split(&self, share: f64) -> (Vec<usize>, Vec<usize>) {
        let episodes = self.dataset.episodes().iter();
        let (held, kept): (Vec<_>, Vec<_>) = episodes
            .map(|episode| (episode.index, &episode.notes.recording))
            .partition(|(index, recording)| place_of(recording, *index) < share);
        let indices = |side: Vec<(usize, &String)>| side.into_iter().map(|(i, _)| i).collect();
        (indices(kept), indices(held))
    }

    /// The prepared pictures of `rows`, in their order.
    ///
    /// # Errors
    /// A row that is not there, or a video that cannot be read or decoded there.
    pub fn load(&self, rows: &[RowId]) -> Result<Vec<Arc<[u8]>>, DatasetError> {
        let mut found: Vec<_> = {
            let cache = lock(&self.cache);
            rows.iter().map(|id| cache.pictures.get(id).cloned()).collect()
        };
        let mut missing: Vec<_> = rows
            .iter()
            .zip(0..)
            .filter(|(_, at)| found.get(*at).is_some_and(Option::is_none))
            .collect();
        // By file and in it by time: what lies together is decoded together.
        missing.sort_unstable();
        let per_thread = missing.len().div_ceil(self.desks.len()).max(1);
        let decoded = std::thread::scope(|scope| {
            let shares = missing.chunks(per_thread).zip(&self.desks);
            let threads: Vec<_> = shares
                .map(|(share, desk)| scope.spawn(|| self.decode_all(share, &mut lock(desk))))
                .collect();
            let ended = threads.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|_| {
                    Err(DatasetError::Refused("a thread that decodes panicked".to_owned()))
                })
            });
            ended.collect::<Result<Vec<_>, _>>()
        })?;
        for (at, picture) in decoded.into_iter().flatten() {
            if let Some(slot) = found.get_mut(at) {
                *slot = Some(picture);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Pictures kept now, and their bytes.
    #[must_use]
    pub fn cached(&self) -> (usize, usize) {
        let cache = lock(&self.cache);
        (cache.pictures.len(), cache.n_bytes)
    }

    fn decode_all(
        &self,
        share: &[(&RowId, usize)],
        desk: &mut Vec<(usize, EpisodeVideo)>,
    ) -> Result<Vec<Placed>, DatasetError> {
        let mut pictures = Vec::with_capacity(share.len());
        let mut rgb = Vec::new();
        let mut last: Option<(RowId, Arc<[u8]>)> = None;
        for &(&id, at) in share {
            let same = last.as_ref().filter(|(last, _)| *last == id).map(|(_, p)| Arc::clone(p));
            let kept = same.or_else(|| lock(&self.cache).pictures.get(&id).cloned());
            let picture = match kept {
                Some(picture) => picture,
                None => self.decode(id, desk, &mut rgb)?,
            };
            last = Some((id, Arc::clone(&picture)));
            pictures.push((at, picture));
        }
        Ok(pictures)
    }

    /// Decodes one row; while the cache has room, its whole group, which costs little more.
    fn decode(
        &self,
        id: RowId,
        desk: &mut Vec<(usize, EpisodeVideo)>,
        rgb: &mut Vec<u8>,
    ) -> Result<Arc<[u8]>, DatasetError> {
        let video = self.open_video(id.episode, desk)?;
        let group =
            if lock(&self.cache).has_room() { video.group(id.row) } else { id.row..id.row + 1 };
        let (width, height) = video.size();
        let mut wanted = None;
        for row in group {
            video.decode(row, rgb)?;
            let picture: Arc<[u8]> = (self.prepare)(rgb, width, height).into();
            if row == id.row {
                wanted = Some(Arc::clone(&picture));
            }
            lock(&self.cache).put(RowId { row, ..id }, picture);
        }
        wanted.ok_or_else(|| {
            DatasetError::Refused(format!("episode {} has no row {}", id.episode, id.row))
        })
    }

    fn open_video<'a>(
        &self,
        episode: usize,
        desk: &'a mut Vec<(usize, EpisodeVideo)>,
    ) -> Result<&'a mut EpisodeVideo, DatasetError> {
        let at = desk.iter().position(|(open, _)| *open == episode);
        let entry = match at {
            Some(at) => desk.remove(at),
            None => (episode, self.dataset.video(episode, &self.camera)?),
        };
        desk.truncate(OPEN_MAX - 1);
        desk.insert(0, entry);
        desk.first_mut().map(|(_, video)| video).ok_or_else(|| {
            DatasetError::Refused(format!("the video of episode {episode} was not opened"))
        })
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("camera", &self.camera).finish_non_exhaustive()
    }
}

impl Cache {
    fn has_room(&self) -> bool {
        self.n_bytes < self.n_bytes_max
    }

    fn put(&mut self, id: RowId, picture: Arc<[u8]>) {
        self.n_bytes += picture.len();
        if let Some(old) = self.pictures.insert(id, picture) {
            self.n_bytes -= old.len();
        } else {
            self.order.push_back(id);
        }
        while self.n_bytes > self.n_bytes_max
            && let Some(oldest) = self.order.pop_front()
        {
            let gone = self.pictures.remove(&oldest);
            self.n_bytes -= gone.map_or(0, |picture| picture.len());
        }
    }
}

/// A number from 0 to 1 that is an episode's own.
fn place_of(recording: &str, index: usize) -> f64 {
    let name = match recording.rsplit_once('-') {
        // A part after a cut: `20261124-101500-250000-2`.
        Some((whole, part))
            if recording.matches('-').count() > 2 && part.parse::<u32>().is_ok() =>
        {
            whole.to_owned()
        }
        _ if recording.is_empty() => format!("episode {index}"),
        _ => recording.to_owned(),
    };
    let hash = Sha256::digest(name.as_bytes());
    let number = hash.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    f64::from(number) / (f64::from(u32::MAX) + 1.0)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here is left half changed by a panic of a caller's function.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::finish::tests::dataset_of;

    fn loader(root: &Path, cache_bytes: usize) -> Loader {
        Loader::open(root, 2, cache_bytes, Box::new(|rgb, _, _| rgb.to_vec())).unwrap()
    }

    #[test]
    fn rows_come_with_their_own_pictures_in_any_order() {
        // A policy would learn commands that belong to other pictures.
        let place = tempfile::tempdir().unwrap();
        let root = dataset_of(place.path(), &[1000, 700]);
        let plain = Dataset::open(&root).unwrap();
        for cache_bytes in [0, 40_000, 1 << 24] {
            let loader = loader(&root, cache_bytes);
            let mut rows: Vec<_> = loader.rows().collect();
            let n_rows = rows.len();
            assert!(n_rows > 40);
            // A stride without a common divisor visits each once, then some again.
            rows = (0..n_rows + 20).map(|i| rows[i * 37 % n_rows]).collect();
            for _ in 0..2 {
                for (id, picture) in rows.iter().zip(loader.load(&rows).unwrap()) {
                    let mut rgb = Vec::new();
                    let camera = "observation.images.front";
                    plain.video(id.episode, camera).unwrap().decode(id.row, &mut rgb).unwrap();
                    assert!(*picture == rgb, "{id:?} with a cache of {cache_bytes}");
                }
            }
            assert!(loader.cached().1 <= cache_bytes);
        }
        let nowhere = RowId { episode: 0, row: 999 };
        assert!(loader(&root, 0).load(&[nowhere]).is_err());
    }

    #[test]
    fn an_episode_stays_on_its_side_of_the_split() {
        // Examination rows would wander into training as the dataset grows.
        let names: Vec<_> = (0..2000).map(|i| format!("20261124-{i:06}-250000")).collect();
        let held: Vec<_> = names.iter().filter(|name| place_of(name, 0) < 0.1).collect();
        assert!((150..250).contains(&held.len()), "{}", held.len());
        for name in &names {
            let part = place_of(&format!("{name}-2"), 7);
            assert!((part - place_of(name, 3)).abs() < 1e-12, "parts stay together");
        }
    }
}
