//! The simulated robot and its world.

pub mod firmware;
