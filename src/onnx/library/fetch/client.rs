//! Who fetches: a folder of wheels, uv, pip, or this program.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::Progress;
use super::super::pins::Wheel;
use super::{Delivery, direct};

/// The Python whose wheels the table names; they are fetched whichever one is installed.
const PYTHON: &str = "3.12";
const UV: &[&str] = &["uv"];
const PIP: &[&[&str]] = &[
    &["python3", "-m", "pip"],
    &["python", "-m", "pip"],
    &["py", "-m", "pip"],
    &["pip3"],
    &["pip"],
];
/// How many of a failed client's last lines its error repeats.
const LINES_KEPT: usize = 4;

/// One way to a wheel.
#[derive(Clone, Debug)]
pub(in super::super) enum Client {
    /// Wheels in a folder.
    Folder(PathBuf),
    /// uv, which has no download: it installs into a folder, checking the wheel's hash itself.
    Uv(&'static [&'static str]),
    /// The words that start pip.
    Pip(&'static [&'static str]),
    /// The index at this address.
    Direct(String),
}

/// Everything this machine can fetch with, best first.
pub(in super::super) fn clients() -> Vec<Client> {
    let uv = answers(UV).then_some(Client::Uv(UV));
    let pip = PIP.iter().find(|words| answers(words)).map(|words| Client::Pip(words));
    uv.into_iter().chain(pip).chain([Client::Direct(direct::INDEX.to_owned())]).collect()
}

impl Client {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Uv(words) | Self::Pip(words) => words.join(" "),
            Self::Direct(index) => index.clone(),
        }
    }

    /// Puts the wheel, or what is in it, somewhere under `workplace`.
    pub(super) fn deliver(
        &self,
        wheel: &Wheel,
        workplace: &Path,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Delivery, String> {
        match self {
            Self::Folder(folder) => Ok(Delivery::Wheel(folder.join(&wheel.file))),
            Self::Uv(words) => {
                let wanted = workplace.join("wanted.txt");
                fs::write(&wanted, requirement(wheel)).map_err(|e| e.to_string())?;
                run(command(words).args(uv_args(workplace)).arg(&wanted), progress)?;
                Ok(Delivery::Folder(workplace.to_owned()))
            }
            Self::Pip(words) => {
                run(command(words).args(pip_args(wheel)).arg("--dest").arg(workplace), progress)?;
                Ok(Delivery::Wheel(workplace.join(&wheel.file)))
            }
            Self::Direct(index) => direct::download(index, wheel, workplace, progress),
        }
    }
}

/// A line of a requirements file that only this very wheel fulfils.
fn requirement(wheel: &Wheel) -> String {
    format!("{}=={} --hash=sha256:{}\n", wheel.project, wheel.version, wheel.sha256)
}

fn uv_args(target: &Path) -> Vec<String> {
    let words = "pip install --no-progress --no-deps --require-hashes --only-binary :all: \
                 --python-version";
    let target = target.display().to_string();
    let rest = [PYTHON, "--target", &target, "--requirement"];
    words.split_whitespace().chain(rest).map(str::to_owned).collect()
}

/// The tags that end a wheel's name choose exactly that wheel: `name-version-python-abi-platforms`.
fn pip_args(wheel: &Wheel) -> Vec<String> {
    let words = "download --no-input --no-deps --progress-bar off --only-binary :all: \
                 --implementation cp --python-version";
    let mut tags = wheel.file.trim_end_matches(".whl").rsplit('-');
    let platforms = tags.next().unwrap_or_default().split('.');
    let abi = tags.next().unwrap_or_default();
    let mut args: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    args.extend([PYTHON.to_owned(), "--abi".to_owned(), abi.to_owned()]);
    for platform in platforms {
        args.extend(["--platform".to_owned(), platform.to_owned()]);
    }
    args.push(format!("{}=={}", wheel.project, wheel.version));
    args
}

fn answers(words: &[&str]) -> bool {
    let mut command = command(words);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn command(words: &[&str]) -> Command {
    let mut words = words.iter();
    let mut command = Command::new(words.next().copied().unwrap_or_default());
    command.args(words);
    command
}

/// Runs a client and hands on what it says; its last lines are the error if it fails.
fn run(command: &mut Command, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), String> {
    let failed = |e: io::Error| e.to_string();
    let (reader, writer) = io::pipe().map_err(failed)?;
    command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(failed)?).stderr(writer);
    let mut child = command.spawn().map_err(failed)?;
    // The command still holds our ends for writing; the reader would never see the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut last = Vec::new();
    for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        if line.is_empty() {
            continue;
        }
        progress(Progress::Said { line: &line });
        last.push(line);
        if last.len() > LINES_KEPT {
            last.remove(0);
        }
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(format!("{status}: {}", last.join(" / "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel(project: &str, version: &str, file: &str) -> Wheel {
        toml::from_str(&format!(
            "platform = 'p'\nvariant = 'gpu'\nproject = '{project}'\nversion = '{version}'\n\
             file = '{file}'\nbytes = 1\nsha256 = 'ab'\nmember = []"
        ))
        .unwrap()
    }

    #[test]
    fn pip_is_asked_for_exactly_the_pinned_wheel() {
        // pip would fetch the wheel of whatever Python runs it, and its hash would not fit.
        let wheel = wheel(
            "nvidia-cublas",
            "13.10.0.20",
            "nvidia_cublas-13.10.0.20-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl",
        );
        let args = pip_args(&wheel).join(" ");
        assert!(
            args.ends_with(
                "--python-version 3.12 --abi none --platform manylinux1_x86_64 \
                 --platform manylinux_2_5_x86_64 nvidia-cublas==13.10.0.20"
            ),
            "{args}"
        );
    }

    #[test]
    fn uv_is_given_the_hash() {
        // uv unpacks before we see the wheel: without the hash it would unpack anything.
        let wheel = wheel("onnxruntime", "1.31.1", "onnxruntime-1.31.1-cp312-cp312-any.whl");
        assert_eq!(requirement(&wheel), "onnxruntime==1.31.1 --hash=sha256:ab\n");
        assert!(uv_args(Path::new("t")).contains(&"--require-hashes".to_owned()));
    }

    #[test]
    fn a_failed_client_is_quoted() {
        // The user would be told that something failed, not what.
        let mut said = Vec::new();
        let error =
            run(command(&["cargo"]).arg("no-such-verb"), &mut |p| said.push(format!("{p:?}")))
                .unwrap_err();
        assert!(error.contains("no-such-verb"), "{error}");
        assert!(said.iter().any(|line| line.contains("no-such-verb")), "{said:?}");
        assert!(!answers(&["no-such-program-anywhere"]));
    }
}
