//! Getting a wheel and taking its files out.
//!
//! Asked in this order: uv, pip (both follow their own configuration: indexes, proxies,
//! certificates, offline folders), then PyPI itself. The first to deliver what the table names
//! wins; whoever delivers, nothing unchecked is kept.

mod client;
mod direct;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::cache::{copy_checked, copy_hashed, io_error};
use super::pins::{Member, Wheel};
use super::{LibraryError, Progress};

pub(super) use client::{Client, clients};

/// What a client delivers.
#[derive(Debug)]
enum Delivery {
    /// The archive as published.
    Wheel(PathBuf),
    /// Its contents, unpacked and checked by the client.
    Folder(PathBuf),
}

/// Fetches a wheel and puts its wanted files into `into`, flushed to the disk.
pub(super) fn unpack(
    clients: &[Client],
    wheel: &Wheel,
    into: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), LibraryError> {
    let workplace = into.join("wheel");
    let mut tries = Vec::new();
    for client in clients {
        fs::create_dir_all(&workplace).map_err(io_error("making the folder", &workplace))?;
        let name = client.name();
        progress(Progress::Fetching { file: &wheel.file, bytes: wheel.bytes, client: &name });
        let taken = client.deliver(wheel, &workplace, progress).and_then(|delivery| {
            progress(Progress::Unpacking { file: &wheel.file });
            take_files(&delivery, wheel, into)
        });
        fs::remove_dir_all(&workplace).map_err(io_error("removing", &workplace))?;
        match taken {
            Ok(()) => return Ok(()),
            Err(why) => {
                progress(Progress::Failed { client: &name, why: &why });
                tries.push(format!("{name}: {why}"));
            }
        }
    }
    Err(LibraryError::Fetch { file: wheel.file.clone(), tries: tries.join("; ") })
}

fn take_files(delivery: &Delivery, wheel: &Wheel, into: &Path) -> Result<(), String> {
    match delivery {
        Delivery::Folder(folder) => wheel.members.iter().try_for_each(|member| {
            let path = folder.join(&member.path);
            write_member(
                File::open(&path).map_err(|e| format!("{}: {e}", path.display()))?,
                member,
                into,
            )
        }),
        Delivery::Wheel(path) => {
            let of_wheel = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
            check_wheel(path, wheel)?;
            let file = File::open(path).map_err(|e| of_wheel(&e))?;
            let mut archive = zip::ZipArchive::new(file).map_err(|e| of_wheel(&e))?;
            wheel.members.iter().try_for_each(|member| {
                let file = archive.by_name(&member.path).map_err(|e| of_wheel(&e))?;
                write_member(file, member, into)
            })
        }
    }
}

fn check_wheel(path: &Path, wheel: &Wheel) -> Result<(), String> {
    let hashed = File::open(path).and_then(|file| copy_hashed(file, &mut std::io::sink()));
    let (_, sha256) = hashed.map_err(|e| format!("{}: {e}", path.display()))?;
    if sha256 == wheel.sha256 {
        return Ok(());
    }
    Err(format!("{} has sha256 {sha256}, wanted is {}", wheel.file, wheel.sha256))
}

fn write_member(from: impl std::io::Read, member: &Member, into: &Path) -> Result<(), String> {
    let path = into.join(member.name());
    let of_file = |e: std::io::Error| format!("writing {}: {e}", path.display());
    let mut file = File::create(&path).map_err(of_file)?;
    copy_checked(from, &mut file, member)?;
    file.sync_all().map_err(of_file)
}
