//! The guard: reference vectors, properties, and the whole picture.

mod vectors;
