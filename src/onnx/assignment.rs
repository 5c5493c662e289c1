//! Which execution provider each node of a loaded graph was given to, read through ONNX Runtime's C
//! interface.
//!
//! The one place of the program with `unsafe`: the `ort` crate has no safe call for it, and without
//! it a graph that silently fell back to the CPU would be shown as running on the GPU.

#![expect(unsafe_code, reason = "ONNX Runtime's assignment calls exist only in its C interface")]

use std::ffi::{CStr, c_char};
use std::ptr;
use std::slice;

use ort::AsPointer;
use ort::session::Session;
use ort::sys::{OrtEpAssignedNode, OrtEpAssignedSubgraph};

/// The session option that must be `1` for the assignment to be kept.
pub(super) const RECORD_KEY: &str = "session.record_ep_graph_assignment_info";

/// Provider names with the number of nodes each runs, in ONNX Runtime's order of subgraphs.
pub(super) fn nodes_by_provider(session: &Session) -> Result<Vec<(String, usize)>, ort::Error> {
    let api = ort::api();
    let mut subgraphs: *const *const OrtEpAssignedSubgraph = ptr::null();
    let mut n_subgraphs = 0;
    let mut found: Vec<(String, usize)> = Vec::new();
    // SAFETY: the session pointer is valid while `session` is borrowed; both out-pointers point at
    // live locals of the declared types; a returned status is freed by `result_from_status`.
    unsafe {
        let status = (api.Session_GetEpGraphAssignmentInfo)(
            session.ptr(),
            &raw mut subgraphs,
            &raw mut n_subgraphs,
        );
        ort::Error::result_from_status(status)?;
    }
    if subgraphs.is_null() {
        return Ok(found);
    }
    // SAFETY: on success the library returned an array of `n_subgraphs` pointers that it owns and
    // keeps as long as the session lives.
    let subgraphs = unsafe { slice::from_raw_parts(subgraphs, n_subgraphs) };
    for subgraph in subgraphs {
        let mut name: *const c_char = ptr::null();
        let mut nodes: *const *const OrtEpAssignedNode = ptr::null();
        let mut n_nodes = 0;
        // SAFETY: `subgraph` came from the array above; out-pointers as before. The name is a
        // NUL-terminated string owned by the session, copied before this function returns.
        let name = unsafe {
            ort::Error::result_from_status((api.EpAssignedSubgraph_GetEpName)(
                *subgraph,
                &raw mut name,
            ))?;
            ort::Error::result_from_status((api.EpAssignedSubgraph_GetNodes)(
                *subgraph,
                &raw mut nodes,
                &raw mut n_nodes,
            ))?;
            if name.is_null() { c"unknown" } else { CStr::from_ptr(name) }
        };
        let name = name.to_string_lossy();
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += n_nodes,
            None => found.push((name.into_owned(), n_nodes)),
        }
    }
    Ok(found)
}
