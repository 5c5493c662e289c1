//! Typed configuration: flag over file over default.
