use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use tempfile::TempDir;
use zip::write::SimpleFileOptions;

use super::fetch::Client;
use super::*;

const WHEEL: &str = "fake-1.31.1-py3-none-any.whl";
const MEMBERS: [(&str, &[u8]); 2] =
    [("fake/capi/libfake.so.1.31.1", &[7; 9000]), ("nvidia/lib/libpreloaded.so.13", &[8; 300])];

/// A folder with a wheel in it, the table that names it, and an empty cache.
struct Bench {
    folder: TempDir,
    pins: Pins,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(WHEEL);
        write_wheel(&path, &MEMBERS);
        let pins = toml::from_str(&table(&path)).unwrap();
        Self { folder, pins }
    }

    fn request(&self) -> Request {
        Request { cache: self.folder.path().join("cache"), variant: Variant::Gpu, from: None }
    }

    fn clients(&self) -> Vec<Client> {
        vec![Client::Folder(self.folder.path().to_owned())]
    }

    fn install(&self) -> Result<Library, LibraryError> {
        install_with(&self.request(), &self.pins, &self.clients(), &mut |_| {})
    }

    fn find(&self) -> Result<Library, LibraryError> {
        let cache = self.request().cache;
        let search = Search { explicit: None, cache, prefer: Variant::Cpu };
        find_with(&search, &self.pins, &[])
    }
}

fn write_wheel(path: &Path, members: &[(&str, &[u8])]) {
    let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.start_file("fake/unwanted.py", SimpleFileOptions::default()).unwrap();
    zip.finish().unwrap();
}

fn table(wheel: &Path) -> String {
    let sha256 = |bytes: &[u8]| cache::copy_hashed(bytes, &mut io::sink()).unwrap().1;
    let (platform, bytes) = (pins::platform(), fs::read(wheel).unwrap());
    let head = format!(
        "version = '1.31.1'\n[[wheel]]\nplatform = '{platform}'\nvariant = 'gpu'\n\
         project = 'fake'\nversion = '1.31.1'\nfile = '{WHEEL}'\nbytes = {}\nsha256 = '{}'\n",
        bytes.len(),
        sha256(&bytes)
    );
    let members = MEMBERS.map(|(path, bytes)| {
        let (preload, n_bytes) = (path.starts_with("nvidia"), bytes.len());
        format!(
            "[[wheel.member]]\npath = '{path}'\nbytes = {n_bytes}\nsha256 = '{}'\n\
             preload = {preload}\n",
            sha256(bytes)
        )
    });
    head + &members.concat()
}

#[test]
fn an_installed_library_is_found_and_only_wanted_files_are_kept() {
    // The station would fetch 24 MB at every start, or not know what to load.
    let bench = Bench::new();
    let installed = bench.install().unwrap();
    assert_eq!(bench.find().unwrap(), installed);
    assert!(installed.path.ends_with("onnxruntime/1.31.1-gpu/libfake.so.1.31.1"));
    assert_eq!(installed.preload, [installed.path.with_file_name("libpreloaded.so.13")]);
    assert_eq!(fs::read(&installed.path).unwrap(), MEMBERS[0].1);
    let folder = installed.path.parent().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["checked", "libfake.so.1.31.1", "libpreloaded.so.13"]);
}

#[test]
fn what_is_installed_is_not_fetched_again() {
    // `make run` would need the network every time.
    let bench = Bench::new();
    bench.install().unwrap();
    fs::remove_file(bench.folder.path().join(WHEEL)).unwrap();
    bench.install().unwrap();
}

#[test]
fn a_wheel_with_another_hash_is_refused_and_nothing_is_left() {
    // A tampered or half-fetched archive would be loaded into the program.
    let bench = Bench::new();
    write_wheel(&bench.folder.path().join(WHEEL), &[("fake/capi/libfake.so.1.31.1", &[9; 9000])]);
    let error = bench.install().unwrap_err().to_string();
    assert!(error.contains("wanted is"), "{error}");
    assert!(bench.find().is_err());
}

#[test]
fn a_client_that_fails_is_followed_by_the_next() {
    // One broken pip would keep a machine with a good network from driving by policy.
    let bench = Bench::new();
    let mut clients = vec![Client::Pip(&["no-such-program-anywhere"])];
    clients.extend(bench.clients());
    let mut failed = Vec::new();
    install_with(&bench.request(), &bench.pins, &clients, &mut |p| {
        if let Progress::Failed { client, .. } = p {
            failed.push(client.to_owned());
        }
    })
    .unwrap();
    assert_eq!(failed, ["no-such-program-anywhere"]);
}

#[test]
fn damage_is_seen_told_and_repaired() {
    // A truncated or altered library would crash the program that loads it.
    let bench = Bench::new();
    let path = bench.install().unwrap().path;
    bench.find().unwrap();
    for damage in [&[7_u8; 10][..], &[6; 9000]] {
        fs::write(&path, damage).unwrap();
        assert!(bench.find().is_err(), "{} bytes", damage.len());
        let listed = list_with(&bench.request().cache, &bench.pins);
        let why = listed[0].damage.clone().unwrap();
        assert!(why.starts_with("libfake.so.1.31.1"), "{why}");
        bench.install().unwrap();
        bench.find().unwrap();
    }
    fs::remove_file(&path).unwrap();
    assert!(bench.find().is_err());
}

#[test]
fn leftovers_of_a_killed_installation_do_no_harm() {
    // After a power cut nothing could be installed, or half a library would be found.
    let bench = Bench::new();
    let incoming = bench.request().cache.join("onnxruntime/incoming/wheel");
    fs::create_dir_all(&incoming).unwrap();
    fs::write(incoming.with_file_name("libfake.so.1.31.1"), "half").unwrap();
    assert!(bench.find().is_err());
    bench.install().unwrap();
    assert!(!incoming.exists());
}

#[test]
fn installing_at_the_same_time_is_done_once() {
    // Two stations started together would write into each other's files.
    let bench = Bench::new();
    let n_fetched = thread::scope(|scope| {
        let one = || {
            let mut n = 0;
            let clients = bench.clients();
            let count =
                &mut |p: Progress<'_>| n += u32::from(matches!(p, Progress::Fetching { .. }));
            install_with(&bench.request(), &bench.pins, &clients, count).unwrap();
            n
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum::<u32>()
    });
    assert_eq!(n_fetched, 1);
}

#[test]
fn removing_frees_the_space_and_twice_is_no_error() {
    // `runtime remove` would leave gigabytes behind.
    let bench = Bench::new();
    let cache = bench.request().cache;
    bench.install().unwrap();
    assert!(super::cache::remove(&cache, "1.31.1", Some(Variant::Gpu)).unwrap() >= 9300);
    assert!(bench.find().is_err());
    bench.install().unwrap();
    assert!(super::cache::remove(&cache, "1.31.1", None).unwrap() >= 9300);
    assert_eq!(super::cache::remove(&cache, "1.31.1", None).unwrap(), 0);
}

#[test]
fn the_direct_client_follows_the_index() {
    // A machine without Python could never get the library.
    let bench = Bench::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", server.local_addr().unwrap());
    let wheel = fs::read(bench.folder.path().join(WHEEL)).unwrap();
    let listing = format!(
        r#"{{"files": [{{"filename": "other.whl", "url": "{address}/other.whl"}},
                      {{"filename": "{WHEEL}", "url": "{address}/files/{WHEEL}"}}]}}"#
    );
    let asked = thread::scope(|scope| {
        let serving =
            scope.spawn(|| [listing.as_bytes(), &wheel].map(|body| answer(&server, body)));
        let clients = [Client::Direct(format!("{address}/simple"))];
        install_with(&bench.request(), &bench.pins, &clients, &mut |_| {}).unwrap();
        serving.join().unwrap()
    });
    assert_eq!(asked, ["GET /simple/fake/ HTTP/1.1", &format!("GET /files/{WHEEL} HTTP/1.1")]);
    bench.find().unwrap();
}

/// Answers one request on one connection; returns its first line.
fn answer(server: &TcpListener, body: &[u8]) -> String {
    let (mut stream, _) = server.accept().unwrap();
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let head: Vec<_> = lines.map(|l| l.unwrap()).take_while(|l| !l.is_empty()).collect();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .unwrap();
    stream.write_all(body).unwrap();
    head[0].clone()
}

#[test]
fn without_a_library_the_error_says_what_to_do() {
    // The operator of a machine without network would not know which file to bring.
    let cache = tempfile::tempdir().unwrap();
    let search = Search { explicit: None, cache: cache.path().to_owned(), prefer: Variant::Gpu };
    let pins = Pins::built_in().unwrap();
    let error = find_with(&search, &pins, &[]).unwrap_err().to_string();
    if pins.wheels_for(Variant::Cpu).is_ok() {
        assert!(error.contains("pilothouse runtime install --from"), "{error}");
        assert!(error.contains("onnxruntime-1.31.1-cp312"), "{error}");
    } else {
        assert!(error.contains(&pins::platform()), "{error}");
    }
}
