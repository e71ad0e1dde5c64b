//! A disk that is really full, and one that is really read-only. Both are mounted in a mount namespace of this test's own,
//! so nothing stays behind and no privilege is needed where user namespaces are allowed.

use std::fs;
use std::path::Path;
use std::process::Command;

use triproom::store::{Store, StoreConfig, StoreError, StoreHealth};

use crate::{durable, myself, room, row, texts, write_numbers};

const INSIDE: &str = "STORE_DISK_FOLDER";
/// Printed at the end of the inner test: an inner test that did nothing must not pass for one that held.
const WENT_THROUGH: &str = "the inner test went through";

/// Runs one test of this binary in a mount namespace of its own, with a fresh folder.
fn in_own_mounts(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let ways: [&[&str]; 2] = [&["-Urm"], &["-m"]];
    let works = |way: &&&[&str]| {
        let tried =
            Command::new("unshare").args(**way).args(["mount", "-t", "tmpfs", "none"]).arg(folder.path()).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let way = ways.iter().find(works).expect(
        "this test mounts a small disk: it needs `unshare` and either user namespaces (sysctl kernel.unprivileged_userns_clone=1, \
         kernel.apparmor_restrict_unprivileged_userns=0) or CAP_SYS_ADMIN (docker run --privileged)",
    );
    let inner = myself(test, INSIDE, folder.path().as_os_str());
    let mut command = Command::new("unshare");
    command.args(*way).arg(inner.get_program()).args(inner.get_args()).env(INSIDE, folder.path());
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains(WENT_THROUGH), "{said}");
}

fn mount(arguments: &[&str], folder: &Path) {
    let output = Command::new("mount").args(arguments).arg(folder).output().unwrap();
    assert!(output.status.success(), "mount {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_full_disk() {
    in_own_mounts("disk::a_full_disk_inside");
}

#[tokio::test]
async fn a_full_disk_inside() {
    let Some(disk) = std::env::var_os(INSIDE) else { return };
    let disk = Path::new(&disk);
    mount(&["-t", "tmpfs", "-o", "size=2m", "none"], disk);
    let store = Store::open(StoreConfig::new(disk.join("data"))).await.unwrap();
    write_numbers(&store, "r", 20).await;
    let ballast = disk.join("ballast");
    // Writes until nothing fits any more, then the error.
    fs::write(&ballast, vec![0; 4 << 20]).unwrap_err();

    let (mut log, mut health) = (store.log(&room("r")), store.health());
    let mut expected: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    // The write-ahead log has a little room left in its last blocks; it is soon used up.
    while *health.borrow_and_update() == StoreHealth::Healthy {
        let text = format!("{} {}", expected.len(), "x".repeat(500));
        expected.push(text.clone());
        log.append([row(text)]).unwrap();
        tokio::select! {
            _ = log.changed() => {}
            changed = health.changed() => changed.unwrap(),
        }
    }
    let StoreHealth::Failing { error, .. } = health.borrow().clone() else { panic!("it recovered on a full disk") };
    assert!(error.contains("full") || error.contains("I/O"), "{error}");
    // Rooms go on, and can even be loaded.
    for n in 0..50 {
        expected.push(format!("on a full disk {n}"));
        log.append([row(expected.last().unwrap().clone())]).unwrap();
    }
    let settled = log.durable();
    assert_eq!(texts(&store.load(&room("r")).await.unwrap()), expected);
    assert!(store.unsaved_bytes() > 0 && log.durable() == settled);

    fs::remove_file(&ballast).unwrap();
    durable(&mut log).await;
    health.wait_for(|health| *health == StoreHealth::Healthy).await.unwrap();
    assert_eq!(store.unsaved_bytes(), 0);
    store.close().await.unwrap();
    let store = Store::open(StoreConfig::new(disk.join("data"))).await.unwrap();
    assert_eq!(texts(&store.load(&room("r")).await.unwrap()), expected);
    store.close().await.unwrap();
    println!("{WENT_THROUGH}");
}

#[test]
fn a_read_only_disk() {
    in_own_mounts("disk::a_read_only_disk_inside");
}

#[tokio::test]
async fn a_read_only_disk_inside() {
    let Some(disk) = std::env::var_os(INSIDE) else { return };
    let disk = Path::new(&disk);
    mount(&["-t", "tmpfs", "-o", "size=8m", "none"], disk);
    let config = StoreConfig::new(disk.join("data"));
    let store = Store::open(config.clone()).await.unwrap();
    write_numbers(&store, "r", 5).await;
    store.close().await.unwrap();

    mount(&["-o", "remount,ro"], disk);
    let Err(error) = Store::open(config.clone()).await else { panic!("the store opened on a read-only disk") };
    assert!(matches!(error, StoreError::Folder { .. }), "{error}");
    assert!(error.to_string().contains("Read-only file system"), "{error}");

    mount(&["-o", "remount,rw"], disk);
    let store = Store::open(config).await.unwrap();
    assert_eq!(store.row_count(&room("r")), 5);
    store.close().await.unwrap();
    println!("{WENT_THROUGH}");
}
