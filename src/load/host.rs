//! What processes use, as the system counts it: CPU and memory of the server by its process id, and of the generator itself. Linux
//! tells it by the clock of a process and in `/proc`; elsewhere nothing is known, and nothing is said.

use std::fs;
use std::io;
use std::process::Command;
use std::time::Instant;

use super::record::{Machine, ServerUse};

/// Why nothing is known of a process.
#[cfg(target_os = "linux")]
const NO_PROCESS: &str = "there is no such process on this machine";
#[cfg(not(target_os = "linux"))]
const NO_PROCESS: &str = "what a process uses is known on Linux alone";

/// What a process has used until now.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Use {
    /// User and system time of all its threads.
    pub cpu_seconds: f64,
    /// Resident now.
    pub memory_bytes: u64,
}

/// A process of the server on this machine, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process(pub u32);

impl Process {
    /// What it has used so far; an error if there is no such process.
    pub fn used(self) -> io::Result<Use> {
        let gone = || io::Error::new(io::ErrorKind::NotFound, NO_PROCESS);
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0));
        let stat = stat.map_err(|error| if error.kind() == io::ErrorKind::NotFound { gone() } else { error })?;
        let unreadable = || io::Error::new(io::ErrorKind::InvalidData, "its /proc/…/stat cannot be read");
        // The command's name stands in brackets and may have any character in it.
        let (_, fields) = stat.rsplit_once(')').ok_or_else(unreadable)?;
        if fields.trim_start().starts_with('Z') {
            // It has ended, and only its parent does not know it yet.
            return Err(gone());
        }
        let fields: Vec<u64> = fields.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
        let field = |number: usize| fields.get(number - 3).copied().ok_or_else(unreadable);
        let pages = field(24)?;
        if pages == 0 {
            // It is ending, and its memory is gone already.
            return Err(gone());
        }
        Ok(Use { cpu_seconds: self.cpu_seconds()?, memory_bytes: pages * page_bytes() })
    }

    /// To the nanosecond; `/proc` counts hundredths of a second, which is more than many joins take.
    #[cfg(target_os = "linux")]
    fn cpu_seconds(self) -> io::Result<f64> {
        use nix::errno::Errno;
        use nix::time::{clock_getcpuclockid, clock_gettime};
        let process = nix::unistd::Pid::from_raw(i32::try_from(self.0).map_err(io::Error::other)?);
        let time = clock_getcpuclockid(process).and_then(clock_gettime).map_err(|error| match error {
            // The second when it ended in between.
            Errno::ESRCH | Errno::EINVAL => io::Error::new(io::ErrorKind::NotFound, NO_PROCESS),
            error => error.into(),
        })?;
        Ok(std::time::Duration::from(time).as_secs_f64())
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "it is used on Linux")]
    fn cpu_seconds(self) -> io::Result<f64> {
        Err(io::Error::new(io::ErrorKind::Unsupported, NO_PROCESS))
    }
}

impl Process {
    /// The most memory that it had since it began, or since [`begin_peak`].
    pub fn peak_bytes(self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(kilobytes.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
    }
}

/// CPU seconds of the generator until now; nothing where they are not known.
pub fn own_cpu_seconds() -> Option<f64> {
    Process(std::process::id()).cpu_seconds().ok()
}

/// What the generator has used since then, in a time of so many seconds: 100 is a whole core.
pub fn own_cpu_percent(since: Option<f64>, seconds: f64) -> Option<f64> {
    own_cpu_seconds().zip(since).filter(|_| seconds > 0.0).map(|(now, then)| 100.0 * (now - then) / seconds)
}

/// What each server has used until now, or which one is not there.
pub fn servers(pids: &[u32]) -> Result<Vec<Use>, (u32, io::Error)> {
    pids.iter().map(|pid| Process(*pid).used().map_err(|error| (*pid, error))).collect()
}

/// What each server has used since then.
pub fn uses(pids: &[u32], before: &[Use]) -> Vec<ServerUse> {
    let host = machine().host;
    let one = |(pid, before): (&u32, &Use)| {
        // One that is gone has used no more than is known.
        let now = Process(*pid).used().unwrap_or(*before);
        ServerUse {
            host: host.clone(),
            pid: *pid,
            cpu_seconds: (now.cpu_seconds - before.cpu_seconds).max(0.0),
            memory_before_bytes: before.memory_bytes,
            memory_peak_bytes: Process(*pid).peak_bytes().unwrap_or(now.memory_bytes),
            memory_after_bytes: now.memory_bytes,
        }
    };
    pids.iter().zip(before).map(one).collect()
}

/// What the servers and the load tester had used when something began.
#[derive(Debug)]
pub struct Begun {
    at: Instant,
    pids: Vec<u32>,
    servers: Vec<Use>,
    own: Option<f64>,
}

/// What has been used since something began, and how long that is ago.
#[derive(Debug, Default)]
pub struct Used {
    /// Since `at`.
    pub seconds: f64,
    /// Of the load tester: 100 is a whole core; nothing where that is not known.
    pub generator_cpu_percent: Option<f64>,
    /// See there.
    pub servers: Vec<ServerUse>,
}

impl Begun {
    /// Something begins at this moment, which is about now; or which server is not there.
    pub fn at(at: Instant, pids: &[u32]) -> Result<Self, (u32, io::Error)> {
        Ok(Self { at, pids: pids.to_vec(), servers: servers(pids)?, own: own_cpu_seconds() })
    }

    /// What has been used until now.
    pub fn used(&self) -> Used {
        let seconds = self.at.elapsed().as_secs_f64();
        let generator_cpu_percent = own_cpu_percent(self.own, seconds);
        Used { seconds, generator_cpu_percent, servers: uses(&self.pids, &self.servers) }
    }
}

/// CPU seconds of all servers together, if there are any.
pub fn cpu(pids: &[u32]) -> Option<f64> {
    let used = servers(pids).ok().filter(|used| !used.is_empty())?;
    Some(used.iter().map(|used| used.cpu_seconds).sum())
}

/// The servers' memory now; from here on the most that they have is counted anew, where the system lets this process do so.
pub fn begin_peak(pids: &[u32]) -> Option<u64> {
    for pid in pids {
        fs::write(format!("/proc/{pid}/clear_refs"), "5").ok()?;
    }
    let used = servers(pids).ok().filter(|used| !used.is_empty())?;
    Some(used.iter().map(|used| used.memory_bytes).sum())
}

/// The most memory that the servers have had, each by itself.
pub fn peak(pids: &[u32]) -> Option<u64> {
    pids.iter().map(|pid| Process(*pid).peak_bytes()).sum()
}

#[cfg(target_os = "linux")]
fn page_bytes() -> u64 {
    use nix::unistd::{SysconfVar, sysconf};
    sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(4096)
}

#[cfg(not(target_os = "linux"))]
fn page_bytes() -> u64 {
    4096
}

/// The machine that this runs on.
pub fn machine() -> Machine {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or(std::env::consts::ARCH, |(_, model)| model.trim()).to_owned();
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| said_by("hostname", &[]));
    let kernel = said_by("uname", &["-sr"]);
    Machine { host: host.trim().to_owned(), cores: u32::try_from(cores).unwrap_or(u32::MAX), model, kernel }
}

fn said_by(command: &str, arguments: &[&str]) -> String {
    let said = Command::new(command).args(arguments).output();
    said.map_or_else(|_| "unknown".to_owned(), |said| String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_uses_something() {
        let this = Process(std::process::id());
        let before = this.used().expect("it is there");
        let mut sum = 0u64;
        while this.used().expect("it is there").cpu_seconds <= before.cpu_seconds {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(before.memory_bytes > 1 << 20);
        assert!(Process(u32::MAX).used().is_err());
    }
}
