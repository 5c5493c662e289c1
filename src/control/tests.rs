//! What every rule of the supervisor must do, by tables and by exhaustive search.

mod bench;
mod chunks;
mod model;
mod modes;
mod thresholds;
