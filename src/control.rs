//! The supervisor: who drives, what the chunk says for this moment, when autonomy may start and must end. Pure.
